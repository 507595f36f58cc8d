import { describe, expect, test, vi } from "vitest";

import type { ClientEvent, ClientOptions } from "../src/index.js";
import { type Alert, consoleSink, type Limits, monitor, type Report } from "../src/monitor/index.js";
import { Browser, type Tab } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { lost, offline, type Override, refuse } from "./support/server.js";

const MINUTE = 60_000;

interface Watched {
  readonly tab: Tab;
  readonly reports: Report[];
  readonly alerts: () => Alert[];
  readonly flushes: () => number;
  readonly stop: () => void;
}

async function watched(
  browser: Browser,
  limits?: Partial<Limits>,
  more: ClientOptions = {},
): Promise<Watched> {
  const tab = browser.idleTab(more);
  const reports: Report[] = [];
  let flushes = 0;
  const sink = { take: (report: Report) => void reports.push(report), flush: () => void (flushes += 1) };
  const { clock } = browser;
  const stop = monitor(tab.client, { sinks: [sink], clock, target: tab.window, ...(limits && { limits }) });
  tab.client.start();
  await settle();
  const alerts = (): Alert[] => reports.filter((each) => each.type === "alert");
  return { tab, reports, alerts, flushes: () => flushes, stop };
}

function signedIn(): Browser {
  const browser = new Browser();
  browser.server.open(browser.jar);
  return browser;
}

const press = ({ tab }: Watched): void => void tab.window.dispatchEvent(new Event("keydown"));

describe("what is reported", () => {
  test("every event of the client, in order, until it is ended", async () => {
    const browser = signedIn();
    const it = await watched(browser);
    await it.tab.client.refresh();
    expect(it.reports).toEqual(it.tab.events);
    expect(it.reports.map((each) => each.type)).toEqual(["refreshed"]);
    it.stop();
    expect(it.flushes()).toBe(1);
    await it.tab.client.logout();
    expect(it.reports).toHaveLength(1);
    it.tab.client.dispose();
    expect(browser.clock.nextInMs()).toBeNull();
  });

  test("hours of ordinary use raise no alert", async () => {
    const browser = signedIn();
    const it = await watched(browser);
    for (let hour = 0; hour < 3; hour += 1) {
      press(it);
      await browser.clock.advance(60 * MINUTE);
    }
    expect(it.reports.filter((each) => each.type === "refreshed").length).toBeGreaterThan(15);
    expect(it.alerts()).toEqual([]);
  });

  test("sinks are flushed when the page goes away", async () => {
    const it = await watched(signedIn());
    it.tab.window.dispatchEvent(new Event("visibilitychange"));
    it.tab.window.dispatchEvent(new Event("pagehide"));
    expect(it.flushes()).toBe(2);
  });

  test("a sink that throws stops no other", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    const seen: Report[] = [];
    const thrown: unknown[] = [];
    process.once("uncaughtException", (error) => thrown.push(error));
    const bad = {
      take: () => {
        throw new Error("the sink's own fault");
      },
    };
    monitor(tab.client, {
      sinks: [bad, { take: (each) => void seen.push(each) }],
      clock: browser.clock,
      target: null,
    });
    tab.client.start();
    await settle();
    await tab.client.refresh();
    await settle();
    expect(seen).toHaveLength(1);
    expect(thrown).toEqual([new Error("the sink's own fault")]);
  });
});

describe("alerts", () => {
  test("a refresh that comes late, but not one after sleep", async () => {
    const browser = signedIn();
    const it = await watched(browser);
    let down = true;
    const outage: Override = (answer) => (down ? offline(answer) : answer());
    browser.server.next("/auth/refresh", ...Array<Override>(50).fill(outage));
    await browser.clock.advance(14 * MINUTE + 30_000);
    down = false;
    await it.tab.client.refresh();
    expect(it.alerts().map((each) => each.code)).toEqual(["refresh_failing", "refresh_late"]);
    expect(it.alerts()[1]?.ms).toBe(30_000);
    await browser.clock.sleep(60 * MINUTE);
    await settle();
    expect(it.tab.events.slice(-2).map((each) => each.type)).toEqual(["wake", "refreshed"]);
    expect(it.alerts()).toHaveLength(2);
  });

  test("three failures in a row, once until a refresh succeeds", async () => {
    const browser = signedIn();
    const it = await watched(browser);
    const three = [offline, lost, refuse("store_unavailable"), refuse("store_unavailable")];
    for (let round = 1; round <= 2; round += 1) {
      browser.server.next("/auth/refresh", ...three);
      for (const each of three) await it.tab.client.refresh().catch(() => each);
      await it.tab.client.refresh();
      expect(it.alerts().filter((each) => each.code === "refresh_failing")).toHaveLength(round);
    }
    const [alert] = it.alerts();
    expect(alert?.ms).toBeGreaterThan(0);
  });

  test("more refreshes in a minute than anybody needs", async () => {
    const browser = signedIn();
    const it = await watched(browser);
    for (let times = 0; times < 4; times += 1) await it.tab.client.refresh();
    await browser.clock.advance(MINUTE);
    for (let times = 0; times < 4; times += 1) await it.tab.client.refresh();
    expect(it.alerts()).toEqual([]);
    await it.tab.client.refresh();
    expect(it.alerts()).toEqual([{ type: "alert", code: "refresh_storm", ms: MINUTE }]);
  });

  test.each([
    [90 * MINUTE, 1],
    [-90 * MINUTE, 1],
    [MINUTE, 0],
  ])("a clock that is %d ms wrong: %d", async (skewMs, alerts) => {
    const browser = new Browser();
    browser.server.skewMs = skewMs;
    browser.server.open(browser.jar);
    const it = await watched(browser);
    expect(it.tab.events).toEqual([{ type: "clock_skew", offsetMs: skewMs }]);
    expect(it.alerts()).toEqual(alerts ? [{ type: "alert", code: "clock_skew", ms: skewMs }] : []);
  });

  test("a browser that keeps no cookies", async () => {
    const browser = new Browser();
    const it = await watched(browser);
    await it.tab.client.login({ email: "ada@example.com", password: "right" });
    Object.assign(browser.jar, { refresh: null, access: null });
    await it.tab.client.fetch("https://todo.example/api/todos");
    await settle();
    expect(it.tab.state()).toEqual({ status: "signed_out", reason: "unsupported" });
    expect(it.alerts()).toEqual([{ type: "alert", code: "cookies_blocked", ms: null }]);
  });

  test("a session that was ended as stolen: by the tab that was told, not by those that heard of it", async () => {
    const browser = signedIn();
    const [it, other] = [await watched(browser), await watched(browser)];
    browser.server.next("/auth/refresh", refuse("session_reused"));
    await it.tab.client.refresh().catch(() => undefined);
    await settle();
    expect(other.tab.state()).toEqual({ status: "signed_out", reason: "reused" });
    expect(it.alerts()).toEqual([{ type: "alert", code: "reuse_detected", ms: null }]);
    expect(other.alerts()).toEqual([]);
  });

  test("a session that ends soon, once; input moves that, and the next approach is told again", async () => {
    const browser = new Browser();
    browser.server.idleMs = 30 * MINUTE;
    browser.server.open(browser.jar);
    const it = await watched(browser);
    press(it);
    await browser.clock.advance(27 * MINUTE);
    expect(it.alerts()).toEqual([]);
    await browser.clock.advance(2 * MINUTE);
    expect(it.alerts()).toEqual([{ type: "alert", code: "ends_soon", ms: 2 * MINUTE }]);
    press(it);
    await browser.clock.advance(29 * MINUTE);
    expect(it.alerts()).toHaveLength(2);
    expect(it.tab.status()).toBe("authenticated");
    await browser.clock.advance(2 * MINUTE);
    expect(it.tab.state()).toEqual({ status: "signed_out", reason: "expired_idle" });
    expect(it.alerts()).toHaveLength(2);
  });

  test("limits can be set", async () => {
    const browser = signedIn();
    const it = await watched(browser, { failures: 1, refreshes: 0 });
    browser.server.next("/auth/refresh", offline);
    await it.tab.client.refresh().catch(() => undefined);
    expect(it.alerts().map((each) => each.code)).toEqual(["refresh_failing"]);
    await it.tab.client.refresh();
    expect(it.alerts().map((each) => each.code)).toEqual(["refresh_failing", "refresh_storm"]);
  });
});

test("the console sees alerts as warnings, and events when it is asked for more", () => {
  const log = { warn: vi.fn(), debug: vi.fn() };
  const sink = consoleSink(log);
  const event: ClientEvent = { type: "wake", sleptMs: 5_000 };
  sink.take(event);
  sink.take({ type: "alert", code: "clock_skew", ms: 5_000 });
  expect(log.debug.mock.calls).toEqual([["sealring:", event]]);
  expect(log.warn.mock.calls).toEqual([["sealring:", "clock_skew", 5_000]]);
});
