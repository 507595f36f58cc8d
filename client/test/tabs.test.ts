import { describe, expect, test } from "vitest";

import { logoutAll } from "../src/account/index.js";
import { Browser, Hub, RIGHT } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { lost, refuse } from "./support/server.js";

const MINUTE = 60_000;

describe("two tabs of one browser", () => {
  test("a tab takes over the other's refresh instead of refreshing itself", async () => {
    const browser = new Browser();
    // The first tab's jitter is the longer: it refreshes first.
    const first = await browser.signedInTab({ random: () => 0.9 });
    const second = await browser.signedInTab({ random: () => 0.1 });
    await browser.clock.advance(60 * MINUTE);
    expect(browser.refreshes()).toBe(6);
    expect(first.events.filter((event) => event.type === "refreshed")).toHaveLength(6);
    expect(second.events.filter((event) => event.type === "adopted")).toHaveLength(6);
    expect(second.state()).toMatchObject({ status: "authenticated", session: { generation: 7 } });
  });

  test("a login in one signs in the other, which need not ask", async () => {
    const browser = new Browser();
    const [first, second] = [browser.tab(), browser.tab()];
    await settle();
    await first.client.login(RIGHT);
    await settle();
    expect(second.state()).toEqual(first.state());
    expect(second.status()).toBe("authenticated");
    expect(browser.server.calls("/auth/session")).toHaveLength(2);
  });

  test("a login as somebody else in one changes the user in the other", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    await first.client.login({ ...RIGHT, email: "grace@example.com" });
    await settle();
    expect(second.state()).toMatchObject({ session: { user: { email: "grace@example.com" } } });
  });

  test("a logout in one signs out the other at once, before the server has answered", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    const release = browser.server.hold("/auth/logout");
    const logout = first.client.logout();
    await settle();
    expect(second.state()).toEqual({ status: "signed_out", reason: "signed_out_elsewhere" });
    expect(second.events.at(-1)).toEqual({
      type: "signed_out",
      reason: "signed_out_elsewhere",
      remote: true,
    });
    release();
    await logout;
  });

  test("a logout in one drops the refresh of the other", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    const release = browser.server.hold("/auth/refresh");
    const refresh = expect(second.client.refresh()).rejects.toMatchObject({ code: "superseded" });
    await settle();
    await first.client.logout();
    release();
    await refresh;
    expect(first.status()).toBe("signed_out");
    expect(second.status()).toBe("signed_out");
    expect(browser.jar.refresh).toBeNull();
  });

  test("ending all sessions in one signs out the other", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    await logoutAll(first.client);
    await settle();
    expect(second.state()).toEqual({ status: "signed_out", reason: "signed_out_elsewhere" });
  });

  test("a session found over in one is over in the other, for the same reason", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    browser.server.next("/auth/refresh", refuse("session_reused"));
    await expect(first.client.refresh()).rejects.toThrow();
    await settle();
    expect(second.state()).toEqual({ status: "signed_out", reason: "reused" });
  });

  test("a page whose first refresh is refused signs out nobody else: theirs may be a newer session", async () => {
    const browser = new Browser();
    // It hears, but what it would answer is lost.
    const mute = (name: string) => ({ ...browser.hub.open(name), postMessage: () => undefined });
    const first = await browser.signedInTab({ channel: mute });
    browser.server.next("/auth/session", refuse("token_missing"));
    browser.server.next("/auth/refresh", refuse("session_revoked"));
    const second = browser.tab();
    await browser.clock.advance(50);
    expect(second.state()).toEqual({ status: "signed_out", reason: "revoked" });
    expect(first.status()).toBe("authenticated");
  });

  test("the end of another session is not the end of this one", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const stranger = browser.hub.open("sealring:sealring:2:");
    stranger.postMessage({ ended: { sessionId: "session-99", reason: "revoked" } });
    await settle();
    expect(tab.status()).toBe("authenticated");
  });

  test("who is signed out keeps the reason when another tab tells of an end", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.row(browser.jar).ended = "session_reused";
    await expect(tab.client.refresh()).rejects.toThrow();
    await browser.tab().client.logout();
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "reused" });
  });

  test("a refresh refused because another tab was faster takes over that tab's answer", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab({ locks: null });
    const second = await browser.signedInTab({ locks: null });
    browser.server.next("/auth/refresh", refuse("refresh_invalid"));
    const release = browser.server.hold("/auth/refresh", 1);
    const slow = first.client.refresh();
    await settle();
    await second.client.refresh();
    await settle();
    release();
    expect((await slow).generation).toBe(2);
    expect(first.state()).toMatchObject({ status: "authenticated", session: { generation: 2 } });
  });

  test("another tab's success ends the failures of this one", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    for (const tab of [first, second]) {
      browser.server.next("/auth/refresh", refuse("store_unavailable"));
      await expect(tab.client.refresh()).rejects.toThrow();
    }
    await second.client.refresh();
    await settle();
    browser.server.next("/auth/refresh", refuse("store_unavailable"));
    await expect(first.client.refresh()).rejects.toThrow();
    expect(first.events.filter((event) => event.type === "refresh_failed").at(-1)).toMatchObject({
      failures: 1,
    });
  });

  test("a page that cannot reach the server learns from another tab who is signed in, and what time it is", async () => {
    const browser = new Browser();
    browser.server.skewMs = 90 * MINUTE;
    const first = await browser.signedInTab();
    browser.server.next("/auth/session", refuse("store_unavailable"));
    const second = browser.tab();
    await settle();
    expect(second.status()).toBe("loading");
    await first.client.refresh();
    await settle();
    expect(second.status()).toBe("authenticated");
    expect(second.client.now()).toBe(browser.server.now());
  });

  test("a message about the session that was signed out does not bring it back", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    await second.client.refresh();
    const message = browser.hub.messages.at(-1);
    await first.client.logout();
    const stranger = browser.hub.open("sealring:sealring:2:");
    stranger.postMessage(message);
    await settle();
    expect(first.state()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  test("an older generation from another tab is not gone back to", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const stranger = browser.hub.open("sealring:sealring:2:");
    await first.client.refresh();
    const older = browser.hub.messages.at(-1);
    await first.client.refresh();
    const before = first.state();
    stranger.postMessage(older);
    await settle();
    expect(first.state()).toBe(before);
    expect(before).toMatchObject({ session: { generation: 3 } });
  });

  test("a tab that hears of a session that it does not know asks the server", async () => {
    const browser = new Browser();
    const deaf = await browser.signedInTab({ channel: new Hub().open });
    const second = await browser.signedInTab();
    await deaf.client.login({ ...RIGHT, email: "grace@example.com" });
    // The second has not heard of the login; a third tab's message tells of a session that is not its own.
    expect(second.state()).toMatchObject({ session: { user: { email: "ada@example.com" } } });
    browser.tab();
    await settle();
    expect(second.state()).toMatchObject({ session: { user: { email: "grace@example.com" } } });
  });

  test("a signed-out tab that missed a login finds it by another tab's message", async () => {
    const browser = new Browser();
    const missed = browser.tab();
    await settle();
    await browser.idleTab().client.login(RIGHT);
    expect(missed.status()).toBe("signed_out");
    browser.tab();
    await settle();
    expect(missed.status()).toBe("authenticated");
  });

  test("the last input counts, whichever tab saw it", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    const second = await browser.signedInTab();
    await browser.clock.advance(5 * MINUTE);
    second.window.dispatchEvent(new Event("wheel"));
    await browser.clock.advance(MINUTE);
    await first.client.refresh();
    expect(browser.server.calls("/auth/refresh").at(-1)?.body).toMatchObject({ idle_for: 60 });
  });

  test("without a lock they refresh under one attempt id, though each draws its own", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab({ locks: null, random: () => 0.1 });
    const second = await browser.signedInTab({ locks: null, random: () => 0.9 });
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([first.client.refresh(), second.client.refresh()]);
      const pair = browser.server.calls("/auth/refresh").slice(-2);
      const ids = pair.map((call) => (call.body as { attempt: string }).attempt);
      expect(ids[0]).toBe(ids[1]);
      await settle();
    }
  });

  test("both waking at once with a lost answer stay signed in", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab({ random: () => 0.9 });
    const second = await browser.signedInTab({ random: () => 0.1 });
    browser.server.next("/auth/refresh", lost);
    await browser.clock.sleep(8 * 60 * MINUTE);
    await browser.clock.advance(MINUTE);
    expect(first.status()).toBe("authenticated");
    expect(second.status()).toBe("authenticated");
  });

  test("an outage is met by all tabs together, not by each for itself", async () => {
    const browser = new Browser();
    const tabs = [];
    for (const n of [1, 2, 3, 4, 5]) tabs.push(await browser.signedInTab({ random: () => n / 6 }));
    browser.server.next("/auth/refresh", ...Array.from({ length: 100 }, () => refuse("store_unavailable")));
    await browser.clock.advance(10 * MINUTE);
    expect(browser.refreshes()).toBeLessThanOrEqual(8);
    for (const tab of tabs) expect(tab.status()).toBe("authenticated");
  });

  test("a tab without messages to others works by itself", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab({ channel: () => null });
    const second = await browser.signedInTab({ channel: () => null });
    await browser.clock.advance(60 * MINUTE);
    expect([first.status(), second.status()]).toEqual(["authenticated", "authenticated"]);
    expect(browser.refreshes()).toBe(12);
  });

  test("applications with different names on one origin do not hear each other", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab({ name: "one" });
    const second = await browser.signedInTab({ name: "two" });
    await first.client.logout();
    await settle();
    expect(second.status()).toBe("authenticated");
  });

  test("a page from the back/forward cache asks the server what it missed", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ channel: () => null });
    await browser.idleTab().client.logout();
    tab.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out_elsewhere" });
  });

  test("messages of another build, or of anybody else, are not understood", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const before = tab.state();
    const stranger = browser.hub.open("sealring:sealring:2:");
    browser.hub.open("sealring:sealring:1:").postMessage({ ended: { reason: "revoked" } });
    for (const message of [null, "ended", 7, { kind: "ended", sessionId: null }, { newer: true }]) {
      stranger.postMessage(message);
    }
    await settle();
    expect(tab.state()).toBe(before);
  });

  test("nothing that could be a credential is said to other tabs", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await tab.client.refresh();
    await tab.client.login(RIGHT);
    await tab.client.logout();
    const said = browser.hub.messages as Record<string, object>[];
    const fields = new Set(said.flatMap((message) => Object.values(message).flatMap(Object.keys)));
    expect([...fields].sort()).toEqual(["offsetMs", "opened", "reason", "session", "sessionId"]);
    expect(JSON.stringify(browser.hub.messages)).not.toContain("right");
  });
});
