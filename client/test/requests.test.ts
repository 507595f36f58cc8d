import { describe, expect, test, vi } from "vitest";

import { createClient, SealringError } from "../src/index.js";
import { Browser, RIGHT } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { offline, ORIGIN, proxy, refuse } from "./support/server.js";

const MINUTE = 60_000;

describe("fetch to the own origin", () => {
  test("carries the client's header and whatever the caller asked for", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const response = await tab.client.fetch("/api/todos", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Own": "yes" },
      body: JSON.stringify({ title: "Milk" }),
    });
    expect(await response.json()).toMatchObject({ body: { title: "Milk" }, email: "ada@example.com" });
    const [seen] = browser.server.calls("/api/todos");
    expect(seen?.method).toBe("POST");
    expect(seen?.headers.get("Sealring-Client")).toBe("1");
    expect(seen?.headers.get("X-Own")).toBe("yes");
  });

  test.each([
    ["a string", `${ORIGIN}/api/todos`],
    ["a URL", new URL("/api/todos", ORIGIN)],
    ["a Request", new Request(`${ORIGIN}/api/todos`, { headers: { "X-Own": "yes" } })],
  ])("takes %s", async (_what, input) => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    expect((await tab.client.fetch(input)).status).toBe(200);
    expect(browser.server.calls("/api/todos")[0]?.headers.get("Sealring-Client")).toBe("1");
  });

  test("keeps keepalive, the signal and the form data of a request", async () => {
    const browser = new Browser();
    const sent: Request[] = [];
    const send = browser.server.fetchFor(browser.jar);
    const tab = await browser.signedInTab({
      fetch: (input, init) => {
        if (input instanceof Request) sent.push(input.clone());
        return send(input, init);
      },
    });
    const form = new FormData();
    form.set("file", new Blob(["bytes"]), "a.txt");
    await tab.client.fetch("/api/files", { method: "POST", body: form, keepalive: true });
    expect(sent[0]?.keepalive).toBe(true);
    expect(sent[0]?.headers.get("Content-Type")).toMatch(/^multipart\/form-data; boundary=/);
    const aborted = tab.client.fetch("/api/files", { signal: AbortSignal.abort(new Error("left the page")) });
    await expect(aborted).rejects.toThrow("left the page");
  });

  test("returns an error answer as it is, still to be read", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("not_found"));
    const response = await tab.client.fetch("/api/todos");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
  });

  test("rejects as fetch does when the network is down, and signs nobody out", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", offline);
    await expect(tab.client.fetch("/api/todos")).rejects.toBeInstanceOf(TypeError);
    expect(tab.status()).toBe("authenticated");
  });

  test("leaves a request alone that wants no credentials", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/open", refuse("token_expired"));
    expect((await tab.client.fetch(`${ORIGIN}/api/open`, { credentials: "omit" })).status).toBe(401);
    expect(browser.refreshes()).toBe(0);
  });
});

describe("fetch to another origin", () => {
  test("passes through untouched, without header, wait or retry", async () => {
    const calls: unknown[][] = [];
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const foreign = browser.idleTab({
      fetch: (...call) => {
        calls.push(call);
        return Promise.resolve(Response.json({ code: "token_expired", action: "refresh" }, { status: 401 }));
      },
    });
    const init = { headers: { "X-Own": "yes" } };
    const response = await foreign.client.fetch("https://api.example/todos", init);
    expect(response.status).toBe(401);
    expect(calls).toEqual([["https://api.example/todos", init]]);
    expect(calls[0]?.[1]).toBe(init);
    expect(tab.status()).toBe("authenticated");
  });

  test.each([
    "https://todo.example.evil.example/x",
    "http://todo.example/x",
    "https://todo.example:8443/x",
    "//evil.example/x",
  ])("%s is another origin", async (address) => {
    const seen: (RequestInfo | URL)[] = [];
    const tab = new Browser().idleTab({
      fetch: (input) => {
        seen.push(input);
        return Promise.resolve(new Response());
      },
    });
    await tab.client.fetch(address);
    expect(seen).toEqual([address]);
  });
});

describe("fetch to listed origins", () => {
  const API = "https://api.example";

  test("carries the header, waits for the refresh and is replayed, as to the own origin", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab({ origins: [API] });
    browser.server.next("/todos", refuse("token_expired"));
    expect((await tab.client.fetch(`${API}/todos`)).status).toBe(200);
    expect(browser.server.calls("/todos").map((call) => call.headers.get("Sealring-Client"))).toEqual([
      "1",
      "1",
    ]);
    expect(browser.refreshes()).toBe(1);
  });

  test("does not listen to what another host says after a redirect", async () => {
    const browser = new Browser();
    const send = browser.server.fetchFor(browser.jar);
    const led = { url: "https://elsewhere.example/", redirected: true };
    const tab = await browser.signedInTab({
      fetch: async (input, init) => {
        const response = await send(input, init);
        const asked = input instanceof Request ? input.url : input;
        const path = new URL(response.url || asked, ORIGIN).pathname;
        return path === "/away" ? Object.defineProperties(response, valuesOf(led)) : response;
      },
    });
    browser.server.next("/away", refuse("token_revoked"), refuse("token_expired"));
    expect((await tab.client.fetch("/away")).status).toBe(401);
    expect((await tab.client.fetch("/away")).status).toBe(401);
    expect(tab.status()).toBe("authenticated");
    expect(browser.refreshes()).toBe(0);
  });

  test("listens to the own origin after a redirect", async () => {
    const browser = new Browser();
    const send = browser.server.fetchFor(browser.jar);
    const led = { url: `${ORIGIN}/moved`, redirected: true };
    const tab = await browser.signedInTab({
      fetch: async (input, init) => Object.defineProperties(await send(input, init), valuesOf(led)),
    });
    browser.server.next("/moving", refuse("token_revoked"));
    await tab.client.fetch("/moving");
    expect(tab.state()).toEqual({ status: "signed_out", reason: "revoked" });
  });

  function valuesOf(values: object): PropertyDescriptorMap {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, { value: value as unknown }]),
    );
  }
});

describe("fetch and the end of the access token", () => {
  test("waits for the refresh when the token has expired, and is then sent once", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 16 * MINUTE);
    const response = await tab.client.fetch("/api/todos");
    expect(response.status).toBe(200);
    expect(browser.server.seen.map((call) => call.path).slice(1)).toEqual(["/auth/refresh", "/api/todos"]);
  });

  test("waits for nothing while the token is good, even when a refresh is due or fails", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 11 * MINUTE);
    browser.server.hold("/auth/refresh");
    expect((await tab.client.fetch("/api/todos")).status).toBe(200);
    await settle();
    expect(browser.refreshes()).toBe(1);
  });

  test("waits for the first refresh of a page that has just been opened", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    browser.jar.access = null;
    const release = browser.server.hold("/auth/refresh");
    const tab = browser.tab();
    await browser.clock.advance(50);
    const response = tab.client.fetch("/api/todos");
    await settle();
    expect(browser.server.calls("/api/todos")).toHaveLength(0);
    release();
    expect((await response).status).toBe(200);
    expect(browser.server.calls("/api/todos")).toHaveLength(1);
  });

  test("gives up waiting when its caller does", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 16 * MINUTE);
    browser.server.hold("/auth/refresh");
    const controller = new AbortController();
    const response = tab.client.fetch("/api/todos", { signal: controller.signal });
    controller.abort(new Error("never mind"));
    await expect(response).rejects.toThrow("never mind");
    expect(browser.server.calls("/api/todos")).toHaveLength(0);
  });

  test("is not sent when its caller had given up before", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 16 * MINUTE);
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(tab.client.fetch("/api/todos", { signal })).rejects.toThrow("too late");
    expect(browser.server.calls("/api/todos")).toHaveLength(0);
  });

  test("rejects with a passing error when the token has expired and the server cannot refresh it", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.clock.set(browser.clock.now() + 16 * MINUTE);
    browser.server.next("/auth/refresh", refuse("store_unavailable"));
    const failure = { name: "SealringError", code: "store_unavailable", action: "retry" };
    await expect(tab.client.fetch("/api/todos")).rejects.toMatchObject(failure);
    await expect(tab.client.fetch("/api/todos")).rejects.toMatchObject(failure);
    expect(browser.refreshes()).toBe(1);
    expect(tab.status()).toBe("degraded");
  });

  test("a hundred requests that are refused at once cause one refresh, and all of them succeed", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.jar.access = null;
    const responses = await Promise.all(
      Array.from({ length: 100 }, (_, n) => tab.client.fetch(`/api/todos/${n}`)),
    );
    expect(responses.map((response) => response.status)).toEqual(Array.from({ length: 100 }, () => 200));
    expect(browser.refreshes()).toBe(1);
  });

  test.each(["token_expired", "token_missing", "token_superseded"] as const)(
    "a refusal with %s is followed by one refresh and one replay with the same body",
    async (code) => {
      const browser = new Browser();
      const tab = await browser.signedInTab();
      browser.server.next("/api/todos", refuse(code));
      const response = await tab.client.fetch("/api/todos", {
        method: "POST",
        body: JSON.stringify({ title: "Milk" }),
      });
      expect(await response.json()).toMatchObject({ body: { title: "Milk" } });
      expect(browser.server.calls("/api/todos")).toHaveLength(2);
      expect(browser.refreshes()).toBe(1);
      expect(tab.events).toContainEqual({ type: "request_retried", code });
    },
  );

  test("a Request and form data can be replayed", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/files", refuse("token_expired"), refuse("token_expired"));
    const form = new FormData();
    form.set("title", "Milk");
    const request = new Request(`${ORIGIN}/api/files`, { method: "POST", body: form });
    expect((await tab.client.fetch(request)).status).toBe(401);
    const bodies = browser.server.calls("/api/files").map((call) => call.body as string);
    expect(bodies).toHaveLength(2);
    for (const body of bodies) expect(body).toContain("Milk");
  });

  test("a body that is a stream is not replayed", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/files", refuse("token_expired"));
    const body = new Blob(["bytes"]).stream();
    const init = { method: "POST", body, duplex: "half" };
    expect((await tab.client.fetch("/api/files", init)).status).toBe(401);
    expect(browser.server.calls("/api/files")).toHaveLength(1);
  });

  test("a second refusal is the caller's: there is no third try", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_expired"), refuse("token_expired"));
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(browser.server.calls("/api/todos")).toHaveLength(2);
    expect(browser.refreshes()).toBe(1);
  });

  test("a refusal that arrives after somebody else's refresh is replayed without another one", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_expired"));
    const release = browser.server.hold("/api/todos");
    const response = tab.client.fetch("/api/todos");
    await settle();
    await tab.client.refresh();
    release();
    expect((await response).status).toBe(200);
    expect(browser.refreshes()).toBe(1);
  });

  test("rejects with a passing error when a refused request cannot be refreshed now", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_superseded"));
    browser.server.next("/auth/refresh", offline);
    await expect(tab.client.fetch("/api/todos")).rejects.toBeInstanceOf(SealringError);
    expect(tab.status()).toBe("authenticated");
  });

  test.each([
    ["the application's own", () => ({ response: Response.json({ detail: "no" }, { status: 401 }) })],
    ["a proxy's", proxy(401)],
    ["a wrong credential's", refuse("credentials_invalid")],
  ] as const)("%s 401 is the caller's business", async (_whose, override) => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", override);
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(browser.refreshes()).toBe(0);
    expect(tab.status()).toBe("authenticated");
  });

  test("a 401 that says the session is over signs out, and is returned", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.row(browser.jar).ended = "session_revoked";
    const response = await tab.client.fetch("/api/todos");
    expect(await response.json()).toMatchObject({ code: "token_revoked" });
    expect(tab.state()).toEqual({ status: "signed_out", reason: "revoked" });
  });

  test("a session found over by the refresh signs out, and the first refusal is returned", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.jar.access = null;
    browser.server.next("/auth/refresh", refuse("session_expired_idle"));
    const response = await tab.client.fetch("/api/todos");
    expect(await response.json()).toMatchObject({ code: "token_missing" });
    expect(tab.state()).toEqual({ status: "signed_out", reason: "expired_idle" });
  });

  test("a late refusal of the session before does not end the one after it", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_revoked"));
    const release = browser.server.hold("/api/todos");
    const response = tab.client.fetch("/api/todos");
    await settle();
    await tab.client.login(RIGHT);
    release();
    expect((await response).status).toBe(401);
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { sessionId: "session-2" } });
  });

  test("a late refusal of the session before does not end the one that another tab has opened", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const other = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_revoked"));
    const release = browser.server.hold("/api/todos");
    const response = tab.client.fetch("/api/todos");
    await settle();
    await other.client.login(RIGHT);
    await settle();
    release();
    expect((await response).status).toBe(401);
    expect(tab.state()).toMatchObject({ status: "authenticated", session: { sessionId: "session-2" } });
  });

  test("a request of one account is never replayed as another", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_expired"));
    const release = browser.server.hold("/api/todos");
    const response = tab.client.fetch("/api/todos", { method: "POST", body: "{}" });
    await settle();
    await tab.client.login({ ...RIGHT, email: "grace@example.com" });
    release();
    expect((await response).status).toBe(401);
    expect(browser.server.calls("/api/todos")).toHaveLength(1);
  });

  test("a session that the replay finds over is over", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    browser.server.next("/api/todos", refuse("token_expired"), refuse("token_revoked"));
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "revoked" });
  });

  test("the first answer about the session is no refresh: a refused request still gets one", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const tab = browser.tab();
    browser.server.next("/api/todos", refuse("token_superseded"));
    const release = browser.server.hold("/api/todos");
    const response = tab.client.fetch("/api/todos");
    await settle();
    expect(tab.status()).toBe("authenticated");
    release();
    expect((await response).status).toBe(200);
    expect(browser.refreshes()).toBe(1);
  });

  test("a refusal that tells a signed-out client nothing new changes nothing, here or elsewhere", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const before = tab.state();
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(tab.state()).toBe(before);
    expect(browser.hub.messages).toEqual([]);
  });

  test("a signed-out client sends requests and brings no session back", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    browser.server.next("/api/todos", refuse("token_missing"));
    expect((await tab.client.fetch("/api/todos")).status).toBe(401);
    expect(browser.refreshes()).toBe(0);
  });
});

test("the global fetch is looked up at each call, and never replaced", async () => {
  const client = createClient({ origin: ORIGIN, channel: () => null });
  const own = vi.fn(() => Promise.resolve(new Response("ok")));
  vi.stubGlobal("fetch", own);
  try {
    await client.fetch("/api/todos");
    expect(own).toHaveBeenCalledTimes(1);
    expect(globalThis.fetch).toBe(own);
  } finally {
    vi.unstubAllGlobals();
  }
});
