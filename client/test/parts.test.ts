import { describe, expect, test, vi } from "vitest";

import { attemptFor } from "../src/attempt.js";
import { backoffDelay } from "../src/backoff.js";
import { systemClock } from "../src/clock.js";
import { createCore, inTurn, lastInput, touch } from "../src/core.js";
import { type Listeners, listen, tell } from "../src/events.js";
import { withDefaults } from "../src/options.js";
import { createNotes, type KeyValueStorage } from "../src/storage.js";
import { MemoryStorage } from "./support/browser.js";
import { ManualClock, settle } from "./support/clock.js";

const coreWith = (storage: KeyValueStorage | null = new MemoryStorage(), clock = new ManualClock()) =>
  createCore(withDefaults({ storage, clock }));

test("the browser's clock runs what is due, unless it was called off", async () => {
  const before = Date.now();
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  const called: string[] = [];
  const cancel = systemClock.after(0, () => called.push("cancelled"));
  cancel();
  await new Promise<void>((resolve) => void systemClock.after(0, resolve));
  expect(called).toEqual([]);
});

describe("back-off", () => {
  test("is between half of a ceiling and the ceiling, which doubles from 2 s to 60 s", () => {
    for (let failures = 1; failures <= 40; failures += 1) {
      const ceiling = Math.min(60_000, 1_000 * 2 ** failures);
      for (let step = 0; step < 100; step += 1) {
        const delay = backoffDelay(failures, null, step / 100);
        expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
        expect(delay).toBeLessThanOrEqual(ceiling);
      }
    }
  });

  test("costs at most five tries in 15 s, however the dice fall", () => {
    let [tries, at] = [1, 0];
    while ((at += backoffDelay(tries, null, 0)) < 15_000) tries += 1;
    expect(tries).toBeLessThanOrEqual(5);
  });

  test("is never shorter than Retry-After, nor the same for all", () => {
    expect(backoffDelay(1, 120, 0)).toBe(120_000);
    expect(backoffDelay(1, 120, 0.5)).toBe(120_500);
    expect(backoffDelay(30, 5, 0.999)).toBe(59_970);
  });
});

describe("attempt ids", () => {
  test("change with the refresh token of the next generation, and with the session", () => {
    const core = coreWith();
    const id = attemptFor(core, "s", 1);
    expect(attemptFor(core)).toBe(id);
    expect(attemptFor(core, "s", 1)).toBe(id);
    const next = attemptFor(core, "s", 2);
    expect(next).not.toBe(id);
    expect(attemptFor(core)).toBe(next);
    expect(attemptFor(core, "t", 1)).not.toBe(next);
  });

  test("drawn before the session was known are used until its first refresh token", () => {
    const core = coreWith();
    const id = attemptFor(core);
    expect(attemptFor(core)).toBe(id);
    expect(attemptFor(core, "s", 1)).not.toBe(id);
  });

  test("are the same in all tabs, and after a reload that knows of no session yet", () => {
    const storage = new MemoryStorage();
    const id = attemptFor(coreWith(storage), "s", 3);
    expect(attemptFor(coreWith(storage))).toBe(id);
  });

  test("of a generation that another tab is ahead by are used, not replaced", () => {
    const storage = new MemoryStorage();
    const ahead = attemptFor(coreWith(storage), "s", 3);
    expect(attemptFor(coreWith(storage), "s", 2)).toBe(ahead);
  });

  test.each(["", "{", "5", '{"id":"<script>"}', "s one id", "other 9 id"])(
    "are drawn anew, of the contract's form, when %j is in their place",
    (text) => {
      const storage = new MemoryStorage();
      storage.setItem("sealring:sealring:2:attempt", text);
      expect(attemptFor(coreWith(storage), "s", 1)).toMatch(/^\d+-\d+-\d+-\d+$/);
    },
  );

  test("stay for a generation where there is no storage", () => {
    const core = coreWith(null);
    expect(attemptFor(core, "s", 1)).toBe(attemptFor(core));
  });
});

describe("the last input", () => {
  test("is when the page was first loaded, until there is some; loading it again is none", async () => {
    const [clock, storage] = [new ManualClock(), new MemoryStorage()];
    const first = clock.now();
    expect(lastInput(coreWith(storage, clock))).toBe(first);
    await clock.advance(3_600_000);
    expect(lastInput(coreWith(storage, clock))).toBe(first);
  });

  test("is known in every tab, to within 5 s", async () => {
    const [clock, storage] = [new ManualClock(), new MemoryStorage()];
    const [one, other] = [coreWith(storage, clock), coreWith(storage, clock)];
    await clock.advance(60_000);
    const set = vi.spyOn(storage, "setItem");
    for (let second = 0; second < 10; second += 1) {
      touch(one);
      expect(clock.now() - lastInput(other)).toBeLessThan(5_000);
      await clock.advance(1_000);
    }
    expect(set).toHaveBeenCalledTimes(2);
  });

  test("in the future of a clock that was set back is forgotten", async () => {
    const clock = new ManualClock();
    const core = coreWith(undefined, clock);
    touch(core);
    clock.set(clock.now() - 3_600_000);
    expect(lastInput(core)).toBe(clock.now());
    await clock.advance(60_000);
    expect(lastInput(core)).toBe(clock.now() - 60_000);
  });
});

describe("notes", () => {
  const refuse = (): never => {
    throw new DOMException("denied", "SecurityError");
  };

  test("that the browser refuses to keep are kept in memory", () => {
    const notes = createNotes(() => ({ getItem: () => null, setItem: refuse }), "");
    notes.set("key", "value");
    expect(notes.get("key")).toBe("value");
    const blind = createNotes(refuse, "");
    expect(blind.get("key")).toBe("");
    blind.set("key", "value");
    expect(blind.get("key")).toBe("value");
  });

  test("show what another tab has noted", () => {
    const shared = new MemoryStorage();
    const [one, other] = [createNotes(() => shared, "a:"), createNotes(() => shared, "a:")];
    one.set("key", "value");
    other.set("key", "");
    expect(one.get("key")).toBe("");
    expect(createNotes(() => shared, "b:").get("key")).toBe("");
  });

  test("that were refused once are shared again when there is room", () => {
    const shared = new MemoryStorage();
    const full = vi.spyOn(shared, "setItem").mockImplementationOnce(refuse);
    const notes = createNotes(() => shared, "");
    notes.set("key", "mine");
    notes.set("key", "ours");
    shared.setItem("key", "theirs");
    expect(notes.get("key")).toBe("theirs");
    expect(full).toHaveBeenCalledTimes(3);
  });
});

describe("listeners", () => {
  test("that throw stop nobody else, and are reported", () => {
    const reported: (() => void)[] = [];
    vi.stubGlobal("queueMicrotask", (task: () => void) => reported.push(task));
    const heard: number[] = [];
    const listeners: Listeners<number> = new Set();
    listen(listeners, () => {
      throw new Error("its own fault");
    });
    listen(listeners, (value) => heard.push(value));
    tell(listeners, 1);
    vi.unstubAllGlobals();
    expect(heard).toEqual([1]);
    expect(reported[0]).toThrow("its own fault");
  });

  test("hear nothing after their undo, and may listen twice", () => {
    const heard: number[] = [];
    const listeners: Listeners<number> = new Set();
    const own = (value: number): void => void heard.push(value);
    const stop = [listen(listeners, own), listen(listeners, own)];
    tell(listeners, 1);
    stop[0]?.();
    tell(listeners, 2);
    stop[1]?.();
    tell(listeners, 3);
    expect(heard).toEqual([1, 1, 2]);
  });
});

describe("turns", () => {
  test("come one after the other, whether the one before succeeds or not", async () => {
    const core = coreWith();
    const order: string[] = [];
    const first = inTurn(core, "first", async () => {
      await settle();
      order.push("first");
      throw new Error("first failed");
    });
    const second = inTurn(core, "second", () => Promise.resolve(order.push("second")));
    await expect(first).rejects.toThrow("first failed");
    await second;
    expect(order).toEqual(["first", "second"]);
    expect(core.turns.size).toBe(0);
  });

  test("of one kind are one", async () => {
    const core = coreWith();
    const work = vi.fn(() => Promise.resolve(1));
    const both = [inTurn(core, "same", work), inTurn(core, "same", work)];
    expect(await Promise.all(both)).toEqual([1, 1]);
    expect(work).toHaveBeenCalledTimes(1);
  });
});

describe("defaults", () => {
  test("without a page listen to nothing and know no own origin", () => {
    const { origin, locks, target, basePath } = withDefaults({});
    expect({ origin, locks, target, basePath }).toEqual({
      origin: "about:blank",
      locks: null,
      target: null,
      basePath: "/auth",
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
