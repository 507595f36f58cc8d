import { describe, expect, test } from "vitest";

import { Browser } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { offline, proxy, refuse } from "./support/server.js";

describe("start", () => {
  test("loading until the server has answered, then signed in with the user that it names", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const tab = browser.tab();
    expect(tab.state()).toEqual({ status: "loading", error: null });
    await settle();
    expect(tab.state()).toMatchObject({
      status: "authenticated",
      session: { sessionId: "session-1", generation: 1, binding: "none", user: { email: "ada@example.com" } },
    });
    expect(browser.refreshes()).toBe(0);
  });

  test("signed out without a reason when this browser was not signed in", async () => {
    const tab = new Browser().tab();
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: null });
  });

  test("refreshes when only the refresh cookie is left", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    browser.jar.access = null;
    const tab = browser.tab();
    await settle();
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { generation: 2 } });
    expect(browser.refreshes()).toBe(1);
  });

  test.each([
    ["session_expired_idle", "expired_idle"],
    ["session_expired_absolute", "expired_absolute"],
    ["session_revoked", "revoked"],
    ["session_reused", "reused"],
    ["refresh_invalid", "invalid"],
    ["refresh_missing", null],
    ["binding_failed", "binding_failed"],
  ] as const)("a refresh refused with %s signs out with the reason %s", async (code, reason) => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    browser.jar.access = null;
    browser.server.next("/auth/refresh", refuse(code));
    const tab = browser.tab();
    await browser.clock.advance(50);
    expect(tab.state()).toEqual({ status: "signed_out", reason });
  });

  test.each([
    ["token_revoked", "revoked"],
    ["token_invalid", "invalid"],
    ["subject_inactive", "inactive"],
  ] as const)("a first answer of %s signs out with the reason %s", async (code, reason) => {
    const browser = new Browser();
    browser.server.next("/auth/session", refuse(code));
    const tab = browser.tab();
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason });
  });

  test.each([
    ["the network is down", offline, "network_error"],
    ["a proxy answers with a page of its own", proxy(502), "http_error"],
    ["the store is down", refuse("store_unavailable"), "store_unavailable"],
    ["a success is not of the contract", proxy(200), "answer_invalid"],
  ] as const)("stays loading when %s, tells why, and asks again by itself", async (_case, override, code) => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    browser.server.next("/auth/session", override);
    const tab = browser.tab();
    await settle();
    expect(tab.state()).toMatchObject({ status: "loading", error: { code } });
    expect(browser.clock.nextInMs()).toBe(1_500);
    await browser.clock.advance(1_500);
    expect(tab.status()).toBe("authenticated");
  });

  test("signed out, it keeps the reason when the server can only say that nobody is signed in", async () => {
    const browser = new Browser();
    browser.server.next("/auth/session", refuse("token_revoked"));
    const tab = browser.tab();
    await settle();
    tab.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await settle();
    expect(browser.server.calls("/auth/session")).toHaveLength(2);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "revoked" });
  });

  test("starting twice asks once", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    tab.client.start();
    await settle();
    expect(browser.server.calls("/auth/session")).toHaveLength(1);
  });

  test("dispose ends timers, listeners and the channel; start brings them back", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    tab.client.dispose();
    tab.client.dispose();
    expect(browser.clock.nextInMs()).toBeNull();
    expect(browser.hub.openPorts()).toBe(0);
    await browser.clock.advance(900_000);
    expect(browser.refreshes()).toBe(0);
    tab.client.start();
    await settle();
    expect(tab.status()).toBe("authenticated");
    expect(browser.refreshes()).toBe(1);
    expect(browser.hub.openPorts()).toBe(1);
  });

  test("start, dispose, start in one turn, as React's strict mode does, asks once", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const tab = browser.idleTab();
    tab.client.start();
    tab.client.dispose();
    tab.client.start();
    await settle();
    expect(tab.status()).toBe("authenticated");
    expect(browser.server.calls("/auth/session")).toHaveLength(1);
  });

  test("the snapshot is the same object until something changes", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    let changes = 0;
    tab.client.subscribe(() => (changes += 1));
    const before = tab.state();
    await browser.clock.advance(120_000);
    expect(tab.state()).toBe(before);
    expect(changes).toBe(0);
  });

  test("every call says which contract it speaks", async () => {
    const browser = new Browser();
    await browser.signedInTab();
    expect(browser.server.seen.map((call) => call.headers.get("Sealring-Client"))).toEqual(["1"]);
  });
});
