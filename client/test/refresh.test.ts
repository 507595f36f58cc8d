import { describe, expect, test } from "vitest";

import { SealringError } from "../src/index.js";
import { Browser } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { lost, offline, type Override, refuse } from "./support/server.js";

const MINUTE = 60_000;

describe("refresh on time", () => {
  test("comes when the server asked for it, half of the jitter earlier here, and not before", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    // 15 min of life, so 10 min until the refresh; the jitter is half of 30 s.
    await browser.clock.advance(10 * MINUTE - 15_001);
    expect(browser.refreshes()).toBe(0);
    await browser.clock.advance(1);
    expect(browser.refreshes()).toBe(1);
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { generation: 2 } });
  });

  test("comes again and again, one rotation each, for as long as the user is there", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await browser.clock.advance(60 * MINUTE);
    expect(browser.refreshes()).toBe(6);
    expect(tab.state()).toMatchObject({ session: { generation: 7 } });
  });

  test.each([90 * MINUTE, -90 * MINUTE])(
    "goes by the server's clock when it is %d ms ahead",
    async (skewMs) => {
      const browser = new Browser();
      browser.server.skewMs = skewMs;
      browser.server.latencyMs = 80;
      const tab = await browser.signedInTab();
      await browser.clock.advance(80);
      expect(tab.status()).toBe("authenticated");
      expect(Math.abs(tab.client.now() - browser.server.now())).toBeLessThanOrEqual(80);
      await browser.clock.advance(9 * MINUTE);
      expect(browser.refreshes()).toBe(0);
      await browser.clock.advance(MINUTE);
      expect(browser.refreshes()).toBe(1);
    },
  );

  test("never waits longer than 30 s in one go", async () => {
    const browser = new Browser();
    await browser.signedInTab();
    expect(browser.clock.nextInMs()).toBe(30_000);
  });

  test("after eight hours of sleep there is exactly one refresh", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await browser.clock.sleep(8 * 60 * MINUTE);
    expect(browser.refreshes()).toBe(1);
    expect(tab.status()).toBe("authenticated");
  });

  test.each(["visibilitychange", "online", "pageshow"])("looks what is due on %s", async (name) => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 11 * MINUTE);
    tab.window.dispatchEvent(new Event(name));
    await browser.clock.advance(0);
    expect(browser.refreshes()).toBe(1);
  });

  test("a short-lived token is refreshed at half of its life, not in a loop", async () => {
    const browser = new Browser();
    browser.server.lifetimeMs = 4_000;
    const tab = await browser.signedInTab();
    await browser.clock.advance(20_000);
    expect(browser.refreshes()).toBeGreaterThanOrEqual(9);
    expect(browser.refreshes()).toBeLessThanOrEqual(11);
    expect(tab.status()).toBe("authenticated");
  });

  test("a server that always says `refresh now` is asked once a second, not in a loop", async () => {
    const browser = new Browser();
    browser.server.lifetimeMs = 0;
    await browser.signedInTab();
    await browser.clock.advance(10_000);
    expect(browser.refreshes()).toBeLessThanOrEqual(11);
  });

  test("towards the absolute end no refresh is wasted, and the end is noticed", async () => {
    const browser = new Browser();
    browser.server.absoluteMs = 20 * MINUTE;
    const tab = await browser.signedInTab();
    await browser.clock.advance(19 * MINUTE);
    expect(browser.refreshes()).toBe(1);
    await browser.clock.advance(MINUTE + 1_000);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "expired_absolute" });
    expect(browser.refreshes()).toBe(2);
  });

  test("says that a refresh is under way", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const release = browser.server.hold("/auth/refresh");
    await browser.clock.advance(10 * MINUTE);
    expect(tab.status()).toBe("refreshing");
    release();
    await settle();
    expect(tab.status()).toBe("authenticated");
  });

  test("the user object stays the same as long as the user does", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const before = tab.state();
    const { user } = await tab.client.refresh();
    expect(before).toMatchObject({ status: "authenticated" });
    expect("session" in before && before.session.user).toBe(user);
    browser.server.userOf = (email) => ({ email, name: "Ada" });
    expect((await tab.client.refresh()).user).toEqual({ email: "ada@example.com", name: "Ada" });
  });

  test("tells how it went, without anything about the user", async () => {
    const browser = new Browser();
    browser.server.latencyMs = 40;
    const tab = await browser.signedInTab();
    await browser.clock.advance(10 * MINUTE);
    const refreshed = tab.events.filter((event) => event.type === "refreshed");
    expect(refreshed).toEqual([{ type: "refreshed", outcome: "rotated", tookMs: 40, leadMs: 315_000 }]);
    expect(JSON.stringify(tab.events)).not.toContain("ada@example.com");
  });
});

describe("what a refresh carries", () => {
  test("whole seconds since the last input", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await browser.clock.advance(60_000);
    tab.window.dispatchEvent(new Event("keydown"));
    await browser.clock.advance(90_500);
    await tab.client.refresh();
    expect(browser.server.calls("/auth/refresh").at(-1)?.body).toMatchObject({ idle_for: 90 });
  });

  test("an attempt id of the contract's form, another one for each generation", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ random: Math.random });
    await tab.client.refresh();
    await tab.client.refresh();
    const ids = attempts(browser);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  test("the attempt id is in the storage before the request is sent", async () => {
    const browser = new Browser();
    const send = browser.server.fetchFor(browser.jar);
    const stored: string[] = [];
    const tab = await browser.signedInTab({
      fetch: (input, init) => {
        stored.push(browser.storage.getItem("sealring:sealring:2:attempt") ?? "");
        return send(input, init);
      },
    });
    await tab.client.refresh();
    expect(stored.at(-1)).toContain(attempts(browser)[0]);
  });

  test("the same attempt id again when the answer was lost, until a newer generation arrives", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ random: steps() });
    browser.server.next("/auth/refresh", lost, lost);
    await expect(tab.client.refresh()).rejects.toMatchObject({ code: "network_error" });
    await expect(tab.client.refresh()).rejects.toMatchObject({ code: "network_error" });
    await tab.client.refresh();
    await tab.client.refresh();
    const [first, second, third, fourth] = attempts(browser);
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toBe(first);
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { generation: 3 } });
  });

  test("the same attempt id again when only the next question tells of the rotation that was lost", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ random: steps() });
    browser.server.next("/auth/refresh", lost);
    await expect(tab.client.refresh()).rejects.toThrow();
    tab.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await settle();
    expect(tab.state()).toMatchObject({ session: { generation: 2 } });
    await tab.client.refresh();
    expect(browser.server.row(browser.jar).foreign).toBe(0);
  });

  test("the same attempt id again after a reload", async () => {
    const browser = new Browser();
    const before = await browser.signedInTab({ random: steps() });
    browser.server.next("/auth/refresh", lost);
    await expect(before.client.refresh()).rejects.toThrow();
    before.client.dispose();
    browser.jar.access = null;
    browser.tab({ random: steps(0.7) });
    await browser.clock.advance(50);
    const [first, second] = attempts(browser);
    expect(second).toBe(first);
  });
});

describe("refresh in trouble", () => {
  test("one request for a hundred callers", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await Promise.all(Array.from({ length: 100 }, () => tab.client.refresh()));
    expect(browser.refreshes()).toBe(1);
  });

  test("backs off further with every failure, for 1 s to 60 s, and stays signed in", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ random: () => 0.999 });
    browser.server.next("/auth/refresh", ...Array.from({ length: 10 }, () => offline));
    await browser.clock.advance(10 * MINUTE);
    expect(tab.status()).toBe("authenticated");
    await browser.clock.advance(5 * MINUTE);
    const waits = tab.events.flatMap((event) =>
      event.type === "refresh_failed" ? [event.retryInMs / 1_000] : [],
    );
    expect(waits.map(Math.round)).toEqual([2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
    await browser.clock.advance(5 * MINUTE);
    expect(tab.status()).toBe("authenticated");
  });

  test("degraded once the access token has expired, and signed in again when the server is back", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/refresh", ...Array.from({ length: 20 }, () => refuse("store_unavailable")));
    await browser.clock.advance(14 * MINUTE);
    expect(tab.status()).toBe("authenticated");
    await browser.clock.advance(MINUTE);
    expect(tab.state()).toMatchObject({
      status: "degraded",
      session: { user: { email: "ada@example.com" } },
      error: { code: "store_unavailable", action: "retry" },
    });
    await browser.clock.advance(10 * MINUTE);
    expect(tab.status()).toBe("authenticated");
  });

  test("waits as long as Retry-After says", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/refresh", refuse("rate_limited", { "Retry-After": "120" }));
    await expect(tab.client.refresh()).rejects.toMatchObject({ code: "rate_limited", retryAfter: 120 });
    await browser.clock.advance(10 * MINUTE);
    const waits = tab.events.flatMap((event) => (event.type === "refresh_failed" ? [event.retryInMs] : []));
    expect(waits).toEqual([120_500]);
  });

  test("a refresh without an answer is given up after 10 s", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.hold("/auth/refresh");
    const refresh = tab.client.refresh();
    const failure = expect(refresh).rejects.toMatchObject({ code: "timeout", action: "retry" });
    await browser.clock.advance(9_999);
    expect(tab.status()).toBe("refreshing");
    await browser.clock.advance(1);
    await failure;
    expect(tab.status()).toBe("authenticated");
  });

  test("the network coming back ends the pause that its absence caused", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ random: () => 0.999 });
    browser.server.next("/auth/refresh", ...Array.from({ length: 6 }, () => offline));
    await browser.clock.advance(10 * MINUTE + 40_000);
    const before = browser.refreshes();
    tab.window.dispatchEvent(new Event("online"));
    await browser.clock.advance(0);
    expect(browser.refreshes()).toBe(before + 1);
    expect(tab.status()).toBe("authenticated");
  });

  test("a session that is over signs out with its reason", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.row(browser.jar).ended = "session_reused";
    await expect(tab.client.refresh()).rejects.toBeInstanceOf(SealringError);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "reused" });
    expect(browser.clock.nextInMs()).toBeNull();
  });

  test("cookies that are gone although there was a session mean that it was ended elsewhere", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    Object.assign(browser.jar, { refresh: null, access: null });
    await expect(tab.client.refresh()).rejects.toMatchObject({ code: "refresh_missing" });
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out_elsewhere" });
  });

  test("an older generation of the same session is never gone back to", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await tab.client.refresh();
    await tab.client.refresh();
    browser.server.row(browser.jar).generation = 1;
    browser.jar.refresh = { sid: "session-1", generation: 1 };
    await expect(tab.client.refresh()).rejects.toMatchObject({ code: "answer_invalid" });
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { generation: 3 } });
  });

  test("an answer that is behind what is held is no reason to ask again and again", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await tab.client.refresh();
    const row = browser.server.row(browser.jar);
    const old: Override = (answer) => {
      row.generation = 1;
      browser.jar.refresh = { sid: row.sid, generation: 2 };
      const { response } = answer();
      return { response };
    };
    row.generation = 0;
    browser.server.next("/auth/refresh", ...Array.from({ length: 100 }, () => old));
    const before = browser.refreshes();
    await browser.clock.advance(11 * MINUTE);
    expect(browser.refreshes() - before).toBeLessThan(12);
    expect(tab.state()).toMatchObject({ session: { generation: 2 } });
  });

  test("a signed-out client refuses to refresh without asking the server", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    await expect(tab.client.refresh()).rejects.toMatchObject({
      code: "not_authenticated",
      action: "sign_in",
    });
    expect(browser.refreshes()).toBe(0);
  });

  test("a machine whose clock was set back an hour still refreshes", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/refresh", offline);
    await expect(tab.client.refresh()).rejects.toThrow();
    browser.clock.set(browser.clock.now() - 60 * MINUTE);
    browser.server.skewMs = 60 * MINUTE;
    await expect(tab.client.refresh()).resolves.toMatchObject({ generation: 2 });
    expect(Math.abs(tab.client.now() - browser.server.now())).toBeLessThan(1_000);
  });
});

describe("idle end", () => {
  test.each([
    ["far away the refresh is", 0],
    ["far ahead the server's clock is", 90 * MINUTE],
    ["far behind the server's clock is", -90 * MINUTE],
  ])("activity is reported before the idle end, however %s", async (_what, skewMs) => {
    const browser = new Browser();
    browser.server.skewMs = skewMs;
    browser.server.idleMs = 5 * MINUTE;
    const tab = await browser.signedInTab();
    for (let minute = 0; minute < 30; minute += 1) {
      tab.window.dispatchEvent(new Event("pointerdown"));
      await browser.clock.advance(MINUTE);
    }
    expect(tab.status()).toBe("authenticated");
  });

  test.each([0, 90 * MINUTE, -90 * MINUTE])(
    "an unattended page is signed out just after it, skew %d ms",
    async (skewMs) => {
      const browser = new Browser();
      browser.server.skewMs = skewMs;
      browser.server.idleMs = 5 * MINUTE;
      const tab = await browser.signedInTab();
      await browser.clock.advance(5 * MINUTE);
      expect(tab.status()).toBe("authenticated");
      await browser.clock.advance(1_000);
      expect(tab.state()).toEqual({ status: "signed_out", reason: "expired_idle" });
    },
  );
});

function attempts(browser: Browser): string[] {
  return browser.server.calls("/auth/refresh").map((call) => (call.body as { attempt: string }).attempt);
}

/** Different numbers at each call, the same in each run. */
function steps(first = 0.1): () => number {
  let value = first;
  return () => {
    value = (value * 997 + 0.137) % 1;
    return value;
  };
}
