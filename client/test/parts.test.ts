import { describe, expect, test, vi } from "vitest";

import { createActivity } from "../src/activity.js";
import { createAttempts } from "../src/attempt.js";
import { backoffDelay, createBackoff } from "../src/backoff.js";
import { betterSample, createServerTime, systemClock, takeSample } from "../src/clock.js";
import { emitter } from "../src/events.js";
import { createGate } from "../src/gate.js";
import { SealringError } from "../src/index.js";
import { withDefaults } from "../src/options.js";
import type { Session } from "../src/session.js";
import { safeStorage } from "../src/storage.js";
import { createTimer } from "../src/timer.js";
import { MemoryStorage } from "./support/browser.js";
import { ManualClock, settle } from "./support/clock.js";

describe("comparing clocks", () => {
  test("the server read its clock half-way", () => {
    expect(takeSample(5_050, 1_000, 1_100)).toEqual({ offsetMs: 4_000, roundTripMs: 100 });
  });

  test("the shorter round trip is kept", () => {
    const [short, long] = [
      { offsetMs: 4_000, roundTripMs: 10 },
      { offsetMs: 4_020, roundTripMs: 100 },
    ];
    expect(betterSample(short, long)).toBe(short);
    expect(betterSample(long, short)).toBe(short);
  });

  test("a comparison that contradicts the one held replaces it: a clock has been set", () => {
    const held = { offsetMs: 0, roundTripMs: 10 };
    const fresh = { offsetMs: 3_600_000, roundTripMs: 400 };
    expect(betterSample(held, fresh)).toBe(fresh);
  });

  test("until the first one this machine's clock is all there is", () => {
    const clock = new ManualClock(7);
    const time = createServerTime(clock);
    expect(time.now()).toBe(7);
    time.learn({ offsetMs: 100, roundTripMs: 0 });
    expect(time.now()).toBe(107);
  });

  test("the browser's clock runs what is due, unless it was called off", async () => {
    const before = Date.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    const called: string[] = [];
    const cancel = systemClock.after(0, () => called.push("cancelled"));
    cancel();
    await new Promise<void>((resolve) => void systemClock.after(0, resolve));
    expect(called).toEqual([]);
  });
});

describe("the timer", () => {
  test("works out again what is due at least every 30 s", async () => {
    const clock = new ManualClock();
    const due = clock.now() + 100_000;
    let runs = 0;
    const timer = createTimer(
      clock,
      () => (runs > 0 ? null : due - clock.now()),
      () => (runs += 1),
    );
    timer.arm();
    expect(clock.nextInMs()).toBe(30_000);
    await clock.advance(99_999);
    expect(runs).toBe(0);
    await clock.advance(1);
    expect(runs).toBe(1);
    expect(clock.nextInMs()).toBeNull();
  });

  test("runs once for what became due several times over", async () => {
    const clock = new ManualClock();
    let due = clock.now() + 1_000;
    let runs = 0;
    const run = (): void => {
      runs += 1;
      due = clock.now() + 1_000;
    };
    createTimer(clock, () => due - clock.now(), run).arm();
    await clock.sleep(3_600_000);
    expect(runs).toBe(1);
  });

  test("waits for nothing once stopped, or when nothing is planned", () => {
    const clock = new ManualClock();
    const timer = createTimer(clock, () => 5, vi.fn());
    timer.arm();
    timer.stop();
    expect(clock.nextInMs()).toBeNull();
    createTimer(clock, () => null, vi.fn()).arm();
    expect(clock.nextInMs()).toBeNull();
  });

  test("asks for whole milliseconds: less than one would never pass", () => {
    const clock = new ManualClock(0);
    createTimer(clock, () => 0.001, vi.fn()).arm();
    expect(clock.nextInMs()).toBe(1);
  });
});

describe("back-off", () => {
  const ERROR = new SealringError("", { code: "timeout", action: "retry", status: 0 });

  test("is between 1 s and a ceiling that doubles up to 60 s", () => {
    for (let failures = 1; failures <= 40; failures += 1) {
      for (let step = 0; step < 100; step += 1) {
        const delay = backoffDelay(failures, null, step / 100);
        expect(delay).toBeGreaterThanOrEqual(1_000);
        expect(delay).toBeLessThanOrEqual(Math.min(60_000, 1_000 * 2 ** failures));
      }
    }
  });

  test("is never shorter than Retry-After, nor the same for all", () => {
    expect(backoffDelay(1, 120, 0)).toBe(120_000);
    expect(backoffDelay(1, 120, 0.5)).toBe(120_500);
    expect(backoffDelay(30, 5, 0.999)).toBe(59_940);
  });

  test("ends with its time, with a success, or when the machine's clock was set back", () => {
    const clock = new ManualClock();
    const backoff = createBackoff(clock, () => 0.5);
    backoff.failed(ERROR);
    expect(backoff.remainingMs()).toBe(1_000);
    clock.set(clock.now() - 3_600_000);
    expect(backoff.remainingMs()).toBe(0);
    clock.set(clock.now() + 3_601_000);
    expect(backoff.remainingMs()).toBe(0);
    backoff.failed(ERROR);
    backoff.succeeded();
    expect(backoff.remainingMs()).toBe(0);
    expect(backoff.lastError()).toBeNull();
  });

  test("of another tab is kept a little longer, and counts as a failure here", () => {
    const clock = new ManualClock();
    const [first, second] = [createBackoff(clock, () => 0.5), createBackoff(clock, () => 0.5)];
    first.failed(ERROR);
    second.share(first.failed(ERROR), ERROR);
    expect(first.remainingMs()).toBe(2_000);
    expect(second.remainingMs()).toBe(3_500);
    expect(second.lastError()).toBe(ERROR);
    expect(second.failed(ERROR).failures).toBe(3);
  });

  test("of another tab is not lengthened by hearing of it again", async () => {
    const clock = new ManualClock();
    const drawn = [0, 0.9];
    const backoff = createBackoff(clock, () => drawn.shift() ?? 0);
    const pause = { failures: 1, since: clock.now(), forMs: 5_000 };
    backoff.share(pause, ERROR);
    await clock.advance(1_000);
    backoff.share(pause, ERROR);
    expect(backoff.remainingMs()).toBe(5_000);
  });

  test("of another tab does not shorten this one's", () => {
    const clock = new ManualClock();
    const backoff = createBackoff(clock, () => 0.5);
    const asked = { code: "rate_limited", action: "retry", status: 429, retryAfter: 60 } as const;
    backoff.failed(new SealringError("", asked));
    backoff.share({ failures: 1, since: clock.now(), forMs: 1_000 }, ERROR);
    expect(backoff.remainingMs()).toBe(60_500);
  });

  test("that the server asked for is not ended by the network coming back", () => {
    const clock = new ManualClock();
    const backoff = createBackoff(clock, () => 0.5);
    backoff.failed(
      new SealringError("", { code: "rate_limited", action: "retry", status: 429, retryAfter: 60 }),
    );
    backoff.online();
    expect(backoff.remainingMs()).toBe(60_500);
  });
});

describe("attempt ids", () => {
  const at = (generation: number, sessionId = "s"): Session => ({
    sessionId,
    generation,
    binding: "none",
    user: null,
    answeredAt: 0,
    expiresAt: 0,
    refreshAt: 0,
    idleEndsAt: 0,
    endsAt: 0,
  });
  const make = (storage = new MemoryStorage()) => createAttempts(storage, "key", Math.random);

  test("stay for a generation and change with the next, and with the session", () => {
    const attempts = make();
    const id = attempts.current(at(1));
    expect(attempts.current(at(1))).toBe(id);
    expect(attempts.current(at(2))).not.toBe(id);
    expect(attempts.current(at(2, "t"))).not.toBe(attempts.current(at(2)));
  });

  test("drawn before the session was known are used until its first answer", () => {
    const attempts = make();
    const id = attempts.current(null);
    expect(attempts.current(null)).toBe(id);
    expect(attempts.current(at(1))).not.toBe(id);
  });

  test("of a generation that another tab is ahead by are used, not replaced", () => {
    const storage = new MemoryStorage();
    const ahead = make(storage).current(at(3));
    expect(make(storage).current(at(2))).toBe(ahead);
  });

  test("drawn by two tabs at once become one, the same in both", () => {
    const [one, other] = [make(), make()];
    const [mine, theirs] = [one.current(at(1)), other.current(at(1))];
    // Whoever drew the lesser one tells the other, who may not have heard of it.
    const told = [one.merge(at(1), theirs), other.merge(at(1), mine)].filter((id) => id !== null);
    expect(told).toEqual([mine < theirs ? mine : theirs]);
    expect(one.current(at(1))).toBe(other.current(at(1)));
  });

  test("of an older generation are not taken over", () => {
    const attempts = make();
    const id = attempts.current(at(2));
    attempts.merge(at(1), "0");
    expect(attempts.current(at(2))).toBe(id);
  });

  test("are drawn anew when somebody else's text is in their place", () => {
    for (const text of ["", "{", "5", '{"id":"<script>"}', '{"sessionId":"s","generation":1,"id":"a b"}']) {
      const storage = new MemoryStorage();
      storage.setItem("key", text);
      expect(make(storage).current(at(1))).toMatch(/^[0-9a-z]{28}$/);
    }
  });
});

describe("activity", () => {
  const make = (clock: ManualClock, storage = new MemoryStorage()) => {
    const source = new EventTarget();
    const shared: number[] = [];
    const activity = createActivity({
      clock,
      storage,
      key: "key",
      source,
      share: (time) => shared.push(time),
    });
    return { activity, source, shared, storage };
  };

  test.each(["pointerdown", "keydown", "wheel", "touchstart", "touchmove"])("%s is input", async (name) => {
    const clock = new ManualClock();
    const { activity, source } = make(clock);
    activity.listen();
    await clock.advance(10_000);
    source.dispatchEvent(new Event(name));
    await clock.advance(3_900);
    expect(activity.idleFor()).toBe(3);
  });

  test.each(["scroll", "focus", "visibilitychange", "mousemove"])("%s is none", async (name) => {
    const clock = new ManualClock();
    const { activity, source } = make(clock);
    activity.listen();
    await clock.advance(10_000);
    source.dispatchEvent(new Event(name));
    expect(activity.idleFor()).toBe(10);
  });

  test("loading a page again is none", async () => {
    const clock = new ManualClock();
    const { activity, storage } = make(clock);
    activity.touch();
    await clock.advance(3_600_000);
    expect(make(clock, storage).activity.idleFor()).toBe(3_600);
  });

  test("is told to others at most every 5 s", async () => {
    const clock = new ManualClock();
    const { activity, source, shared } = make(clock);
    activity.listen();
    for (let second = 0; second < 10; second += 1) {
      source.dispatchEvent(new Event("keydown"));
      await clock.advance(1_000);
    }
    expect(shared).toHaveLength(2);
    expect(activity.idleFor()).toBe(1);
  });

  test("ends with its undo", () => {
    const clock = new ManualClock();
    const { activity, source, shared } = make(clock);
    activity.listen()();
    source.dispatchEvent(new Event("keydown"));
    expect(shared).toEqual([]);
  });

  test("heard from another tab counts, unless this one saw newer", async () => {
    const clock = new ManualClock();
    const { activity } = make(clock);
    await clock.advance(60_000);
    activity.heard(clock.now() - 10_000);
    expect(activity.idleFor()).toBe(10);
    activity.heard(clock.now() - 20_000);
    expect(activity.idleFor()).toBe(10);
  });

  test("a clock that was set back does not make the user active until then", async () => {
    const clock = new ManualClock();
    const { activity } = make(clock);
    clock.set(clock.now() - 3_600_000);
    expect(activity.idleFor()).toBe(0);
    await clock.advance(60_000);
    expect(activity.idleFor()).toBe(60);
  });

  test("is at most a year ago, as the contract says", () => {
    const clock = new ManualClock();
    const { activity } = make(clock);
    clock.set(clock.now() * 2);
    expect(activity.idleFor()).toBe(31_536_000);
  });
});

describe("storage", () => {
  test("that refuses is replaced by memory", () => {
    const refuse = (): never => {
      throw new DOMException("denied", "SecurityError");
    };
    const storage = safeStorage({ getItem: () => null, setItem: refuse, removeItem: refuse });
    storage.setItem("key", "value");
    expect(storage.getItem("key")).toBe("value");
    storage.removeItem("key");
    expect(storage.getItem("key")).toBeNull();
    expect(safeStorage({ getItem: refuse, setItem: refuse, removeItem: refuse }).getItem("key")).toBeNull();
  });

  test("that is shared shows what another tab removed", () => {
    const shared = new MemoryStorage();
    const [one, other] = [safeStorage(shared), safeStorage(shared)];
    one.setItem("key", "value");
    other.removeItem("key");
    expect(one.getItem("key")).toBeNull();
  });

  test("that does not exist is memory", () => {
    const storage = safeStorage(null);
    storage.setItem("key", "value");
    expect(storage.getItem("key")).toBe("value");
  });
});

describe("listeners", () => {
  test("that throw stop nobody else, and are reported", () => {
    const reported: (() => void)[] = [];
    vi.stubGlobal("queueMicrotask", (task: () => void) => reported.push(task));
    const heard: number[] = [];
    const { emit, listen } = emitter<number>();
    listen(() => {
      throw new Error("its own fault");
    });
    listen((value) => heard.push(value));
    emit(1);
    vi.unstubAllGlobals();
    expect(heard).toEqual([1]);
    expect(reported[0]).toThrow("its own fault");
  });

  test("hear nothing after their undo", () => {
    const heard: number[] = [];
    const { emit, listen } = emitter<number>();
    const stop = listen((value) => heard.push(value));
    emit(1);
    stop();
    emit(2);
    expect(heard).toEqual([1]);
  });
});

describe("the gate", () => {
  test("lets one through after the other, whether it succeeds or not, and then rests", async () => {
    const gate = createGate();
    const order: string[] = [];
    const first = gate.run(async () => {
      await settle();
      order.push("first");
      throw new Error("first failed");
    });
    const rest = gate.idle().then(() => order.push("idle"));
    const second = gate.run(async () => {
      await settle();
      order.push("second");
    });
    await expect(first).rejects.toThrow("first failed");
    await second;
    await rest;
    expect(order).toEqual(["first", "second", "idle"]);
  });
});

describe("defaults", () => {
  test("without a page listen to nothing and know no own origin", () => {
    const { origin, activity, target, basePath, name, baseUrl } = withDefaults({});
    expect({ origin, activity, target, basePath, name, baseUrl: baseUrl() }).toEqual({
      origin: "",
      activity: null,
      target: null,
      basePath: "/auth",
      name: "sealring",
      baseUrl: "",
    });
  });

  test("draw unpredictable numbers from 0 up to 1", () => {
    const { random } = withDefaults({});
    const drawn = Array.from({ length: 1_000 }, random);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    expect(new Set(drawn).size).toBeGreaterThan(990);
  });
});
