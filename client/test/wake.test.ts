import { describe, expect, test, vi } from "vitest";

import { Browser, RIGHT, type Tab } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { ORIGIN, refuse } from "./support/server.js";

const MINUTE = 60_000;

const told = (tab: Tab, type: string) => tab.events.filter((event) => event.type === type);

describe("the refresh lock", () => {
  test("five tabs that are due at once send one request", async () => {
    const browser = new Browser();
    browser.server.latencyMs = 80;
    const tabs = [];
    for (let n = 0; n < 5; n += 1) {
      const opened = browser.signedInTab();
      await browser.clock.advance(80);
      tabs.push(await opened);
    }
    await browser.clock.sleep(8 * 60 * MINUTE);
    await browser.clock.advance(1_000);
    expect(browser.refreshes()).toBe(1);
    for (const tab of tabs) expect(tab.state()).toMatchObject({ session: { generation: 2 } });
    expect(tabs.flatMap((tab) => told(tab, "refreshed"))).toHaveLength(1);
  });

  test("of a tab that hangs is passed by after 11 s, and never taken from it", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.locks.seize();
    const refresh = tab.client.refresh();
    await browser.clock.advance(10_999);
    expect(browser.refreshes()).toBe(0);
    await browser.clock.advance(1 + 50);
    expect((await refresh).generation).toBe(2);
    expect(told(tab, "lock_timeout")).toHaveLength(1);
  });

  test("that is given back is followed by the refresh, unless the other tab has told of its own", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.locks.seize();
    const refresh = tab.client.refresh();
    await browser.clock.advance(1_000);
    browser.locks.release();
    await browser.clock.advance(50);
    expect((await refresh).generation).toBe(2);
    expect(told(tab, "lock_timeout")).toEqual([]);
  });

  test("is not waited for by a logout", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.locks.seize();
    const refresh = expect(tab.client.refresh()).rejects.toMatchObject({ code: "superseded" });
    await settle();
    await tab.client.logout();
    await refresh;
    expect(browser.refreshes()).toBe(0);
    expect(browser.clock.nextInMs()).toBeNull();
  });

  test("that the browser refuses is done without", async () => {
    const browser = new Browser();
    const request = () => Promise.reject(new DOMException("opaque origin", "SecurityError"));
    const tab = await browser.signedInTab({ locks: { request } });
    const refresh = tab.client.refresh();
    await browser.clock.advance(50);
    expect((await refresh).generation).toBe(2);
  });

  test("is done without where there is none", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ locks: null });
    expect((await tab.client.refresh()).generation).toBe(2);
  });

  test("a refresh that fails under it fails once, and the tab that waited keeps the same pause", async () => {
    const browser = new Browser();
    browser.server.latencyMs = 80;
    const opened = [browser.signedInTab(), browser.signedInTab()];
    await browser.clock.advance(160);
    const [first, second] = await Promise.all(opened);
    browser.server.next("/auth/refresh", refuse("store_unavailable"));
    const failures = Promise.all(
      [first, second].map((tab) =>
        expect(tab?.client.refresh()).rejects.toMatchObject({ code: "store_unavailable" }),
      ),
    );
    await browser.clock.advance(80 + 50);
    await failures;
    expect(browser.refreshes()).toBe(1);
    expect([first, second].flatMap((tab) => (tab ? told(tab, "refresh_failed") : []))).toHaveLength(1);
  });
});

describe("a new tab", () => {
  test("joins the refresh of another one that had as little", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    browser.jar.access = null;
    browser.server.latencyMs = 80;
    const tabs = [1, 2, 3, 4, 5].map(() => browser.tab());
    await browser.clock.advance(1_000);
    expect(browser.refreshes()).toBe(1);
    for (const tab of tabs) expect(tab.state()).toMatchObject({ session: { generation: 2 } });
  });

  test("takes the others along where their access token has expired", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 20 * MINUTE);
    browser.jar.access = null;
    const second = browser.tab();
    await settle();
    expect(browser.refreshes()).toBe(1);
    expect(second.state()).toMatchObject({ status: "authenticated", session: { generation: 2 } });
    expect(first.state()).toMatchObject({ status: "authenticated", session: { generation: 2 } });
  });

  test("in an outage costs one question, and then keeps the pause that the others keep", async () => {
    const browser = new Browser();
    const first = await browser.signedInTab();
    browser.server.next("/auth/refresh", ...Array.from({ length: 50 }, () => refuse("store_unavailable")));
    browser.server.next("/auth/session", ...Array.from({ length: 50 }, () => refuse("store_unavailable")));
    await expect(first.client.refresh()).rejects.toThrow();
    browser.tab();
    await browser.clock.advance(5 * MINUTE);
    expect(browser.refreshes() + browser.server.calls("/auth/session").length).toBeLessThanOrEqual(14);
  });
});

test("hearing again what is known already does not end a pause", async () => {
  const browser = new Browser();
  const tab = await browser.signedInTab();
  const known = browser.hub.messages.at(-1);
  browser.server.next("/auth/refresh", refuse("rate_limited", { "Retry-After": "3600" }));
  await expect(tab.client.refresh()).rejects.toThrow();
  browser.hub.open("sealring:sealring:2:").postMessage(known);
  await browser.clock.advance(10 * MINUTE);
  expect(browser.refreshes()).toBe(1);
});

describe("waking up", () => {
  test.each(["visibilitychange", "resume"])("after a sleep is noticed on %s, and told", async (name) => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 60 * MINUTE);
    tab.window.dispatchEvent(new Event(name));
    await browser.clock.advance(0);
    expect(told(tab, "wake")).toEqual([{ type: "wake", sleptMs: 60 * MINUTE }]);
    expect(browser.refreshes()).toBe(1);
  });

  test("after a short sleep asks the server what was missed", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ channel: () => null });
    await browser.idleTab().client.logout();
    await browser.clock.sleep(2 * MINUTE);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out_elsewhere" });
  });

  test("without a sleep is not told, however throttled the timers are", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await browser.clock.advance(9 * MINUTE);
    tab.window.dispatchEvent(new Event("visibilitychange"));
    expect(told(tab, "wake")).toEqual([]);
    expect(browser.server.calls("/auth/session")).toHaveLength(1);
  });

  test("a clock that was set back is noticed within 30 s, and the refresh still comes on time", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await browser.clock.advance(MINUTE);
    browser.server.skewMs = 60 * MINUTE;
    // The timers of a real browser do not go by the clock that people set.
    const planned = browser.clock.nextInMs() ?? 0;
    browser.clock.set(browser.clock.now() - 60 * MINUTE);
    tab.window.dispatchEvent(new Event("visibilitychange"));
    await settle();
    expect(told(tab, "wake")).toEqual([{ type: "wake", sleptMs: -60 * MINUTE }]);
    expect(told(tab, "clock_skew")).toEqual([{ type: "clock_skew", offsetMs: 60 * MINUTE }]);
    expect(planned).toBeLessThanOrEqual(30_000);
    await browser.clock.advance(9 * MINUTE);
    expect(browser.refreshes()).toBe(1);
  });
});

describe("a clock that is wrong", () => {
  test("is told once, by how much", async () => {
    const browser = new Browser();
    browser.server.skewMs = 90 * MINUTE;
    const tab = await browser.signedInTab();
    await tab.client.refresh();
    expect(told(tab, "clock_skew")).toEqual([{ type: "clock_skew", offsetMs: 90 * MINUTE }]);
  });

  test("by less than 2 s is not worth telling", async () => {
    const browser = new Browser();
    browser.server.skewMs = -2_000;
    expect(told(await browser.signedInTab(), "clock_skew")).toEqual([]);
  });
});

describe("a browser that does not keep cookies", () => {
  test("is unsupported at once, and nothing is asked, when it says so itself", async () => {
    const browser = new Browser();
    const navigator = { cookieEnabled: false };
    vi.stubGlobal("window", { navigator, location: { origin: ORIGIN } });
    vi.resetModules();
    const { createClient } = await import("../src/index.js");
    vi.unstubAllGlobals();
    const client = createClient({ fetch: browser.server.fetchFor(browser.jar), target: null });
    client.start();
    await settle();
    expect(client.getSnapshot()).toEqual({ status: "signed_out", reason: "unsupported" });
    expect(browser.server.seen).toEqual([]);
    client.dispose();
  });

  test("is unsupported when nothing works after a login", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    await tab.client.login(RIGHT);
    Object.assign(browser.jar, { access: null, refresh: null });
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "unsupported" });
  });

  test("is unsupported when the token is missing straight after a refresh, and is not asked in a loop", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_missing"), refuse("token_missing"));
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "unsupported" });
    await browser.clock.advance(60 * MINUTE);
    expect(browser.refreshes()).toBe(1);
  });

  test("is not meant by cookies that went away after they had worked", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    await tab.client.login(RIGHT);
    await tab.client.fetch("/api/todos");
    Object.assign(browser.jar, { access: null, refresh: null });
    await tab.client.fetch("/api/todos");
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out_elsewhere" });
  });
});
