import { expect, test } from "vitest";

import type { Client } from "../src/index.js";
import { Browser, RIGHT, type Tab, type User } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { lost, offline, proxy, refuse } from "./support/server.js";

/** Numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function restart({ dispose, start }: Client<User>): void {
  dispose();
  start();
}

const PATHS = ["/auth/refresh", "/auth/session", "/auth/login", "/auth/logout", "/api/todos"];
const TROUBLES = [
  lost,
  offline,
  proxy(502),
  refuse("store_unavailable"),
  refuse("rate_limited", { "Retry-After": "7" }),
];

/** Tabs of one browser, people and a network that do as they like, and what must hold whatever they do. */
class World {
  readonly browser = new Browser();
  readonly tabs: Tab[] = [];
  readonly log: string[] = [];
  readonly #random: () => number;
  readonly #releases: (() => void)[] = [];

  constructor(seed: number) {
    this.#random = numbers(seed);
    if (this.#chance(0.5)) this.browser.server.open(this.browser.jar);
    if (this.#chance(0.3)) this.browser.server.skewMs = (this.#random() - 0.5) * 3_600_000;
    if (this.#chance(0.3)) this.browser.server.lifetimeMs = 5_000;
  }

  async step(): Promise<void> {
    const { browser } = this;
    const tab = this.#pick(this.tabs);
    const path = this.#pick(PATHS) ?? "";
    const acts: [string, () => void | Promise<void>][] = [
      ["open a tab", () => this.#open()],
      ["pass a while", () => browser.clock.advance(this.#random() * 20_000)],
      ["pass a long while", () => browser.clock.advance(this.#random() * 700_000)],
      ["sleep", () => browser.clock.sleep(this.#random() * 3_600_000)],
      ["slow network", () => void (browser.server.latencyMs = this.#random() * 3_000)],
      ["fast network", () => void (browser.server.latencyMs = 0)],
      [`trouble at ${path}`, () => browser.server.next(path, this.#pick(TROUBLES) ?? lost)],
      [`hold ${path}`, () => void this.#releases.push(browser.server.hold(path, 1))],
      ["release", () => this.#releases.shift()?.()],
      ["lose the access cookie", () => void (browser.jar.access = null)],
    ];
    if (tab) {
      const { client, window } = tab;
      acts.push(
        ["refresh", () => this.#forget(client.refresh())],
        ["log in", () => this.#logIn(tab)],
        ["log out", () => this.#logOut(tab)],
        ["fetch", () => this.#forget(client.fetch("/api/todos"))],
        ["input", () => void window.dispatchEvent(new Event("keydown"))],
        [
          "wake",
          () => void window.dispatchEvent(new Event(this.#pick(["online", "visibilitychange"]) ?? "")),
        ],
        ["stop and start", () => restart(client)],
        // One that signs in has told nobody yet.
        ["close", () => (this.#signingIn.includes(tab) ? undefined : this.#close(tab))],
      );
    }
    const [name, act] = this.#pick(acts) ?? ["", () => undefined];
    this.log.push(name);
    await act();
    await settle();
  }

  /** Ends all trouble, and lets enough time pass for everything that is tried again. */
  async heal(): Promise<void> {
    const { browser, tabs } = this;
    browser.server.latencyMs = 0;
    browser.server.calm();
    for (const release of this.#releases.splice(0)) release();
    if (tabs.length === 0) this.#open();
    await browser.clock.advance(200_000);
    for (const { window } of tabs) window.dispatchEvent(new Event("online"));
    await browser.clock.advance(200_000);
    // The answer to one tab's logout may have deleted the cookies of another tab's login: the next request notices.
    for (const { client } of tabs) this.#forget(client.fetch("/api/todos"));
    await browser.clock.advance(10_000);
  }

  #open(): void {
    if (this.tabs.length === 4) return;
    const tab = this.browser.idleTab({ random: this.#random });
    this.tabs.push(tab);
    this.#watch(tab);
    tab.client.start();
  }

  #close(tab: Tab): void {
    this.tabs.splice(this.tabs.indexOf(tab), 1);
    tab.client.dispose();
  }

  readonly #ended = new WeakMap<Tab, Set<string>>();

  /** A tab never moves backwards within a session, and never shows one again that was signed out in it. */
  #watch(tab: Tab): void {
    const generations = new Map<string, number>();
    const over = new Set<string>();
    this.#ended.set(tab, over);
    tab.client.subscribe(() => {
      const state = tab.state();
      if (!("session" in state)) return;
      const { sessionId, generation } = state.session;
      expect(over, "sessions that were signed out").not.toContain(sessionId);
      expect(generation).toBeGreaterThanOrEqual(generations.get(sessionId) ?? 0);
      generations.set(sessionId, generation);
    });
  }

  /** One entry for each login on the way. */
  readonly #signingIn: Tab[] = [];

  #logIn(tab: Tab): void {
    this.#signingIn.push(tab);
    const login = tab.client.login({ ...RIGHT, email: this.#pick(["ada", "grace"]) ?? "" });
    this.#forget(login.finally(() => this.#signingIn.splice(this.#signingIn.indexOf(tab), 1)));
  }

  /**
   * What was open when it began is over for this tab: even a login whose answer is still on the way. Another tab's login
   * on the way is its own affair.
   */
  #logOut(tab: Tab): void {
    const [over, state] = [this.#ended.get(tab), tab.state()];
    const others = this.#signingIn.some((each) => each !== tab);
    const known = others ? [] : this.browser.server.rows.keys();
    for (const sid of ["session" in state ? state.session.sessionId : "", ...known]) over?.add(sid);
    this.#forget(tab.client.logout());
    expect(tab.status()).toBe("signed_out");
  }

  #forget(call: Promise<unknown>): void {
    call.catch(() => undefined);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }
}

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed + 1);

test.each(SEEDS)("whatever happens, in whatever order: seed %d", async (seed) => {
  const faults: unknown[] = [];
  const report = (fault: unknown): void => void faults.push(fault);
  process.on("uncaughtException", report);
  const world = new World(seed);
  try {
    for (let step = 0; step < 60; step += 1) await world.step();
    await world.heal();
  } finally {
    process.off("uncaughtException", report);
  }
  const { server, jar } = world.browser;
  const told = world.log.join(", ");
  expect(faults, told).toEqual([]);
  // All tabs agree, with each other and with the server.
  const row = server.rows.get(jar.refresh?.sid ?? "");
  const alive = row && !row.ended ? row.sid : null;
  for (const tab of world.tabs) {
    const state = tab.state();
    expect("session" in state ? state.session.sessionId : null, told).toBe(alive);
    expect(["authenticated", "refreshing", "signed_out"], told).toContain(state.status);
  }
  // Nobody is taken for a thief.
  for (const { ended, foreign } of server.rows.values()) {
    expect(ended, told).not.toBe("session_reused");
    expect(foreign, told).toBe(0);
  }
});
