import { describe, expect, test } from "vitest";

import { type EventStreamLike, liveEvents, liveSocket, type SocketLike } from "../src/live/index.js";
import { Browser, RIGHT, type Tab } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { refuse } from "./support/server.js";

/** A connection in the network's place: the test opens, speaks on and closes it. */
class Wire implements SocketLike, EventStreamLike {
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 0;
  closedWith: number | undefined | null = null;
  readonly #named = new Map<string, (event: { readonly data: unknown }) => void>();

  readonly close = (code?: number): void => {
    this.closedWith = code;
  };
  readonly addEventListener = (type: string, listener: (event: { readonly data: unknown }) => void): void => {
    this.#named.set(type, listener);
  };
  send(type: string, data: unknown): void {
    this.#named.get(type)?.({ data });
  }
  get open(): boolean {
    return this.closedWith === null;
  }
}

/** Follows the session of a tab, and keeps every connection that it opened. */
function followed(browser: Browser, tab: Tab) {
  const wires: Wire[] = [];
  const heard: unknown[] = [];
  const opened: number[] = [];
  const options = {
    clock: browser.clock,
    random: () => 0.5,
    target: tab.window,
    onOpen: () => opened.push(browser.clock.now()),
    open: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire;
    },
  };
  const hear = (data: unknown) => heard.push(data);
  return {
    wires,
    heard,
    opened,
    socket: { ...options, onMessage: hear },
    stream: { ...options, on: { news: hear } },
  };
}

const sessionQuestions = (browser: Browser) => browser.server.calls("/auth/session").length;

describe("a live WebSocket", () => {
  test("is opened with the session and closed with it", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await settle();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    expect(wires).toHaveLength(0);
    await tab.client.login(RIGHT);
    expect(wires).toHaveLength(1);
    await tab.client.logout();
    expect(wires[0]?.closedWith).toBe(1000);
    await tab.client.login(RIGHT);
    expect(wires).toHaveLength(2);
  });

  test("hands on what it hears, and says when it has opened", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, heard, opened, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    wires[0]?.onopen?.();
    wires[0]?.onmessage?.({ data: "one" });
    expect(opened).toHaveLength(1);
    expect(heard).toEqual(["one"]);
  });

  test("stays open over a refresh", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    await tab.client.refresh();
    expect(wires).toHaveLength(1);
    expect(wires[0]?.open).toBe(true);
  });

  test("that is lost is opened again after a growing pause of up to 30 s", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    const pauses: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      const before = browser.clock.now();
      wires.at(-1)?.onclose?.({ code: 1006 });
      await settle();
      const count = wires.length;
      while (wires.length === count) await browser.clock.advance(250);
      pauses.push(browser.clock.now() - before);
    }
    expect(pauses).toEqual([1_500, 3_000, 6_000, 12_000, 24_000, 30_000, 30_000]);
    expect(sessionQuestions(browser)).toBe(1);
  });

  test("is opened at once when the network is back", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    wires[0]?.onclose?.({ code: 1006 });
    await settle();
    tab.window.dispatchEvent(new Event("online"));
    expect(wires).toHaveLength(2);
    tab.window.dispatchEvent(new Event("online"));
    await browser.clock.advance(60_000);
    expect(wires).toHaveLength(2);
  });

  test("that the server closes for the session's end makes the client ask, and ends with the session", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const other = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    browser.server.next("/auth/session", refuse("token_revoked"));
    wires[0]?.onclose?.({ code: 4401 });
    await browser.clock.advance(60_000);
    expect(tab.status()).toBe("signed_out");
    expect(other.status()).toBe("signed_out");
    expect(wires).toHaveLength(1);
  });

  test("that the server closes for a token out of use is opened again after a refresh", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    browser.server.next("/auth/session", refuse("token_superseded"));
    wires[0]?.onclose?.({ code: 4401 });
    await browser.clock.advance(2_000);
    expect(browser.refreshes()).toBe(1);
    expect(wires).toHaveLength(2);
  });

  test("that is not allowed is not asked for again", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    liveSocket(tab.client, "/live", socket);
    wires[0]?.onclose?.({ code: 4403 });
    await browser.clock.advance(600_000);
    expect(wires).toHaveLength(1);
  });

  test("is closed for good when it is not wanted any more, while it waits as well", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, socket } = followed(browser, tab);
    const end = liveSocket(tab.client, "/live", socket);
    wires[0]?.onclose?.({ code: 1006 });
    await settle();
    end();
    await browser.clock.advance(60_000);
    tab.window.dispatchEvent(new Event("online"));
    await tab.client.logout();
    await tab.client.login(RIGHT);
    expect(wires).toHaveLength(1);
  });
});

describe("a live event stream", () => {
  test("hands on its events by their names", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, heard, stream } = followed(browser, tab);
    const end = liveEvents(tab.client, "/events", stream);
    wires[0]?.onopen?.();
    wires[0]?.send("news", "hello");
    expect(heard).toEqual(["hello"]);
    end();
    expect(wires[0]?.open).toBe(false);
  });

  test("whose session has ended makes the client ask", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, stream } = followed(browser, tab);
    liveEvents(tab.client, "/events", stream);
    browser.server.next("/auth/session", refuse("session_expired_idle"));
    wires[0]?.send("session_ended", "{}");
    await settle();
    expect(wires[0]?.open).toBe(false);
    expect(tab.status()).toBe("signed_out");
  });

  test("is left to the browser while the browser tries by itself", async () => {
    const browser = new Browser();
    const tab = await browser.signedInTab();
    const { wires, stream } = followed(browser, tab);
    liveEvents(tab.client, "/events", stream);
    const [wire] = wires;
    wire?.onerror?.();
    await browser.clock.advance(60_000);
    expect(wires).toHaveLength(1);
    if (wire) wire.readyState = 2;
    wire?.onerror?.();
    await browser.clock.advance(2_000);
    expect(wires).toHaveLength(2);
    expect(sessionQuestions(browser)).toBe(2);
  });
});
