import { describe, expect, test } from "vitest";

import { endSession, listSessions, logoutAll } from "../src/account/index.js";
import { Browser, RIGHT } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { offline, ORIGIN, refusal, refuse } from "./support/server.js";

const MINUTE = 60_000;

describe("login", () => {
  test("signs in and gives the session", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const session = await tab.client.login(RIGHT);
    expect(session).toMatchObject({ sessionId: "session-1", user: { email: "ada@example.com" } });
    expect(tab.state()).toEqual({ status: "authenticated", session });
    expect(browser.server.calls("/auth/login")[0]?.body).toEqual(RIGHT);
    expect(tab.events).toEqual([{ type: "signed_out", reason: null, remote: false }, { type: "signed_in" }]);
  });

  test("begins the refreshes of the new session", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    await tab.client.login(RIGHT);
    await browser.clock.advance(10 * MINUTE);
    expect(tab.state()).toMatchObject({ session: { generation: 2 } });
  });

  test("rejects wrong credentials with what the server says, and changes nothing", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const before = tab.state();
    await expect(tab.client.login({ ...RIGHT, password: "wrong" })).rejects.toMatchObject({
      name: "SealringError",
      code: "credentials_invalid",
      action: "fix",
      status: 401,
      message: "The credentials are not valid.",
      requestId: "req-1",
    });
    expect(tab.state()).toBe(before);
  });

  test("rejects with the fields that are wrong", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const fields = [{ field: "email", message: "Not an e-mail address." }];
    browser.server.next("/auth/login", () => refusal("validation_failed", {}, { fields }));
    await expect(tab.client.login({})).rejects.toMatchObject({ code: "validation_failed", fields });
  });

  test("rejects with how long to wait when there were too many", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    browser.server.next("/auth/login", refuse("rate_limited", { "Retry-After": "30" }));
    await expect(tab.client.login(RIGHT)).rejects.toMatchObject({ code: "rate_limited", retryAfter: 30 });
  });

  test("as somebody else replaces the session, and a refresh of the one before is dropped", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.hold("/auth/refresh");
    const refresh = expect(tab.client.refresh()).rejects.toMatchObject({ code: "superseded" });
    await settle();
    await tab.client.login({ ...RIGHT, email: "grace@example.com" });
    await refresh;
    expect(tab.state()).toMatchObject({
      status: "authenticated",
      session: { user: { email: "grace@example.com" } },
    });
    expect(browser.jar.refresh?.sid).toBe("session-2");
  });

  test("that fails leaves the session before, with its refreshes", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await expect(tab.client.login({ ...RIGHT, password: "wrong" })).rejects.toThrow();
    await browser.clock.advance(10 * MINUTE);
    expect(tab.state()).toMatchObject({
      status: "authenticated",
      session: { sessionId: "session-1", generation: 2 },
    });
  });

  test("waits for a logout under way", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const release = browser.server.hold("/auth/logout");
    const logout = tab.client.logout();
    const login = tab.client.login(RIGHT);
    await settle();
    expect(browser.server.calls("/auth/login")).toHaveLength(0);
    release();
    await logout;
    await login;
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { sessionId: "session-2" } });
    expect(browser.jar.refresh?.sid).toBe("session-2");
  });

  test("no refresh runs beside it", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const release = browser.server.hold("/auth/login");
    const login = tab.client.login(RIGHT);
    await settle();
    const refresh = tab.client.refresh();
    await settle();
    expect(browser.refreshes()).toBe(0);
    release();
    expect((await login).sessionId).toBe("session-2");
    // The login has renewed everything: the refresh has nothing left to do.
    expect((await refresh).sessionId).toBe("session-2");
    expect(browser.refreshes()).toBe(0);
  });

  test("a first question that it interrupts is asked again when it fails", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    browser.server.hold("/auth/session");
    const tab = browser.tab();
    await settle();
    browser.server.hold("/auth/session")();
    await expect(tab.client.login({ ...RIGHT, password: "wrong" })).rejects.toThrow();
    await browser.clock.advance(1_000);
    expect(tab.status()).toBe("authenticated");
    expect(tab.events.filter((event) => event.type === "refresh_failed")).toEqual([]);
  });

  test("after failed refreshes begins without their pause", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/refresh", refuse("rate_limited", { "Retry-After": "3600" }));
    await expect(tab.client.refresh()).rejects.toThrow();
    await tab.client.login(RIGHT);
    await browser.clock.advance(10 * MINUTE);
    expect(tab.state()).toMatchObject({ session: { sessionId: "session-2", generation: 2 } });
  });

  test("that a listener answers with a logout still gives the session that it had opened", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const stop = tab.client.subscribe(() => {
      stop();
      void tab.client.logout();
    });
    expect((await tab.client.login(RIGHT)).sessionId).toBe("session-1");
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect(browser.jar.refresh).toBeNull();
  });

  test("counts as input", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await browser.clock.advance(60 * MINUTE);
    await tab.client.login(RIGHT);
    expect(tab.client.lastInput()).toBe(browser.clock.now());
    await tab.client.refresh();
    expect(browser.server.calls("/auth/refresh").at(-1)?.body).toMatchObject({ idle_for: 0 });
  });
});

describe("logout", () => {
  test("signs out here at once, and at the server", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const logout = tab.client.logout();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    await logout;
    expect(browser.jar).toEqual({ refresh: null, access: null });
    expect(browser.server.rows.get("session-1")?.ended).toBe("session_revoked");
    await browser.clock.advance(60 * MINUTE);
    expect(browser.refreshes()).toBe(0);
  });

  test("outlives the page that it is called on", async () => {
    const browser = new Browser();
    const keepalive: (boolean | undefined)[] = [];
    const send = browser.server.fetchFor(browser.jar);
    const tab = await browser.signedInTab({
      fetch: (input, init) => {
        keepalive.push(init?.keepalive);
        return send(input, init);
      },
    });
    await tab.client.logout();
    expect(keepalive.at(-1)).toBe(true);
  });

  test("during a slow refresh wins: the late answer does not bring the session back", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const release = browser.server.hold("/auth/refresh");
    const refresh = expect(tab.client.refresh()).rejects.toMatchObject({ code: "superseded" });
    await settle();
    const logout = tab.client.logout();
    release();
    await logout;
    await refresh;
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect(browser.jar).toEqual({ refresh: null, access: null });
  });

  test("during a slow refresh wins even where the transport cannot give up an answer", async () => {
    const browser = new Browser();
    const send = browser.server.fetchFor(browser.jar);
    const tab = await browser.signedInTab({
      fetch: (input, init) => send(input, { ...init, signal: null }),
    });
    const release = browser.server.hold("/auth/refresh");
    const refresh = expect(tab.client.refresh()).rejects.toMatchObject({ code: "superseded" });
    await settle();
    await tab.client.logout();
    release();
    await refresh;
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  test("during the first question wins", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const release = browser.server.hold("/auth/session");
    const tab = browser.tab();
    await settle();
    await tab.client.logout();
    release();
    await settle();
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  test("during a slow login wins, and ends the session that the login has opened", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const release = browser.server.hold("/auth/login");
    const login = expect(tab.client.login(RIGHT)).rejects.toMatchObject({ code: "superseded" });
    await settle();
    const logout = tab.client.logout();
    release();
    await login;
    await logout;
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect(browser.server.rows.get("session-1")?.ended).toBe("session_revoked");
    expect(browser.jar.refresh).toBeNull();
  });

  test("makes a request fail that was waiting for a refresh, instead of sending it as nobody", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 16 * MINUTE);
    browser.server.hold("/auth/refresh");
    const waiting = expect(tab.client.fetch("/api/todos")).rejects.toMatchObject({ code: "superseded" });
    await settle();
    await tab.client.logout();
    await waiting;
    expect(browser.server.calls("/api/todos")).toHaveLength(0);
  });

  test.each(["/auth/refresh", "/auth/session"])("at any moment of an answer from %s wins", async (path) => {
    for (let later = 0; later < 40; later += 1) {
      const browser = new Browser();
      const send = browser.server.fetchFor(browser.jar);
      const tab = browser.idleTab({
        fetch: async (input, init) => {
          const response = await send(input, init);
          if (input === `${ORIGIN}${path}`) void turns(later).then(() => tab.client.logout());
          return response;
        },
      });
      browser.server.open(browser.jar);
      if (path === "/auth/refresh") browser.jar.access = null;
      tab.client.start();
      await browser.clock.advance(50);
      expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    }
  });

  test("during a refresh is no failure of the refresh", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.hold("/auth/refresh");
    const refresh = expect(tab.client.refresh()).rejects.toMatchObject({ code: "superseded" });
    await settle();
    await tab.client.logout();
    await refresh;
    expect(tab.events.map((event) => event.type)).toEqual(["signed_out"]);
  });

  test("called again overtakes a login that waits for it", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const release = browser.server.hold("/auth/logout");
    const first = tab.client.logout();
    const login = expect(tab.client.login(RIGHT)).rejects.toMatchObject({ code: "superseded" });
    const second = tab.client.logout();
    release();
    await Promise.all([first, login, second]);
    expect(browser.server.calls("/auth/login")).toHaveLength(0);
    expect(tab.status()).toBe("signed_out");
  });

  test("called twice is one request", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await Promise.all([tab.client.logout(), tab.client.logout()]);
    expect(browser.server.calls("/auth/logout")).toHaveLength(1);
  });

  test("that cannot be told rejects, and is told again and again until the server has heard it", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout", offline, refuse("store_unavailable"), refuse("csrf_refused"));
    await expect(tab.client.logout()).rejects.toMatchObject({ code: "network_error", action: "retry" });
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    await browser.clock.advance(15_000);
    expect(browser.server.calls("/auth/logout")).toHaveLength(4);
    expect(browser.jar.refresh).toBeNull();
    expect(browser.clock.nextInMs()).toBeNull();
    const failures = tab.events.flatMap((event) => (event.type === "refresh_failed" ? [event.code] : []));
    expect(failures).toEqual(["network_error", "store_unavailable", "csrf_refused"]);
  });

  test("does not hold up a login, however long the server asks it to wait", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout", refuse("store_unavailable", { "Retry-After": "120" }));
    await expect(tab.client.logout()).rejects.toMatchObject({ retryAfter: 120 });
    await tab.client.login(RIGHT);
    expect(tab.status()).toBe("authenticated");
  });

  test("of a session that the server does not know either is done", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout", refuse("not_authenticated"));
    await expect(tab.client.logout()).resolves.toBeUndefined();
  });

  test("is not tried again once another tab has signed in", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const other = await browser.signedInTab();
    browser.server.next("/auth/logout", offline);
    await expect(tab.client.logout()).rejects.toMatchObject({ code: "network_error" });
    await other.client.login(RIGHT);
    await browser.clock.advance(10_000);
    expect(browser.server.calls("/auth/logout")).toHaveLength(1);
    expect(browser.jar.refresh?.sid).toBe("session-2");
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { sessionId: "session-2" } });
  });

  test("that did not reach the server is told at once when the page is back on the network", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ random: () => 0.999 });
    browser.server.next("/auth/logout", ...Array.from({ length: 6 }, () => offline));
    await expect(tab.client.logout()).rejects.toMatchObject({ code: "network_error" });
    await browser.clock.advance(63_000);
    expect(browser.server.calls("/auth/logout")).toHaveLength(6);
    tab.window.dispatchEvent(new Event("online"));
    await settle();
    expect(browser.jar.refresh).toBeNull();
  });

  test("is not told after a login here where the tabs share no storage", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ storage: null });
    const other = await browser.signedInTab({ storage: null });
    browser.server.next("/auth/logout", offline);
    await expect(tab.client.logout()).rejects.toThrow();
    await other.client.login(RIGHT);
    await browser.clock.advance(60_000);
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { sessionId: "session-2" } });
    expect(browser.server.calls("/auth/logout")).toHaveLength(1);
  });

  test("that was lost with the page is delivered by the next one, which never shows the session", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout", offline);
    tab.client.logout().catch(() => undefined);
    tab.client.dispose();
    const next = browser.tab();
    expect(next.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    await settle();
    expect(next.state()).toEqual({ status: "signed_out", reason: "signed_out" });
    expect(browser.jar.refresh).toBeNull();
    expect(browser.server.calls("/auth/session")).toHaveLength(1);
  });

  test("that the server refuses rejects with what it says", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout", refuse("csrf_refused"));
    await expect(tab.client.logout()).rejects.toMatchObject({ code: "csrf_refused" });
    expect(browser.server.calls("/auth/logout")).toHaveLength(1);
    expect(tab.status()).toBe("signed_out");
  });

  test("that was not delivered is settled by the next login", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout", refuse("csrf_refused"));
    await expect(tab.client.logout()).rejects.toThrow();
    await tab.client.login(RIGHT);
    tab.window.dispatchEvent(new Event("online"));
    const next = browser.tab();
    await settle();
    expect(next.status()).toBe("authenticated");
    expect(browser.server.calls("/auth/logout")).toHaveLength(1);
  });
});

describe("the account's sessions", () => {
  test("are listed with their times", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.open({ refresh: null, access: null });
    browser.server.open({ refresh: null, access: null }, "grace@example.com");
    const sessions = await listSessions(tab.client);
    expect(sessions.map(({ sessionId, current }) => [sessionId, current])).toEqual([
      ["session-1", true],
      ["session-2", false],
    ]);
    expect(sessions[0]).toMatchObject({ device: "Firefox on Linux", createdAt: 1_000, lastSeenAt: 2_000 });
  });

  test("are listed after a refresh when the token has expired", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.jar.access = null;
    expect(await listSessions(tab.client)).toHaveLength(1);
    expect(browser.refreshes()).toBe(1);
  });

  test("another one can be ended", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.open({ refresh: null, access: null });
    await endSession(tab.client, "session-2");
    expect(browser.server.rows.get("session-2")?.ended).toBe("session_revoked");
    expect(tab.status()).toBe("authenticated");
  });

  test("ending this one signs out", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    await endSession(tab.client, "session-1");
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  test("another account's cannot be ended", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.open({ refresh: null, access: null }, "grace@example.com");
    await expect(endSession(tab.client, "session-2")).rejects.toMatchObject({
      code: "not_found",
      action: "fix",
    });
  });

  test("can all be ended at once", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.open({ refresh: null, access: null });
    expect(await logoutAll(tab.client)).toBe(2);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "signed_out" });
  });

  test("ended at once do not take along one that was opened meanwhile", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const release = browser.server.hold("/auth/logout-all");
    const ended = logoutAll(tab.client);
    await settle();
    await tab.client.login(RIGHT);
    release();
    expect(await ended).toBe(1);
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { sessionId: "session-2" } });
  });

  test("are all kept when ending them fails", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout-all", refuse("store_unavailable"));
    await expect(logoutAll(tab.client)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(tab.status()).toBe("authenticated");
  });

  test.each([{ sessions: [{}] }, { sessions: [{ session_id: "s" }] }, { sessions: "none" }, null])(
    "an answer of %j is an error of the contract",
    async (body) => {
      const browser = new Browser();
      const tab = await browser.signedInTab();
      browser.server.next("/auth/sessions", () => ({ response: Response.json(body) }));
      await expect(listSessions(tab.client)).rejects.toMatchObject({ code: "answer_invalid", action: "fix" });
    },
  );

  test("an answer that does not say how many were ended is an error of the contract", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/auth/logout-all", () => ({ response: Response.json({ outcome: "signed_out" }) }));
    await expect(logoutAll(tab.client)).rejects.toMatchObject({ code: "answer_invalid" });
    expect(tab.status()).toBe("authenticated");
  });

  test("of a device that told no name has an empty one", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const times = { created_at_ms: 1, last_seen_ms: 2, expires_at_ms: 3 };
    browser.server.next("/auth/sessions", () => ({
      response: Response.json({ sessions: [{ session_id: "s", ...times }] }),
    }));
    expect(await listSessions(tab.client)).toEqual([
      { sessionId: "s", current: false, device: "", createdAt: 1, lastSeenAt: 2, expiresAt: 3 },
    ]);
  });

  test("can be ended where nobody is known to be signed in", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const tab = browser.idleTab();
    expect(await logoutAll(tab.client)).toBe(1);
    expect(tab.status()).toBe("loading");
  });
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}
