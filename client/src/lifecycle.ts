import { type Core, dueIn, emit, pauseLeft, serverNow, touch, update } from "./core.js";
import { membersOf } from "./errors.js";
import { hear } from "./hearing.js";
import { end } from "./keep.js";
import { page } from "./options.js";
import { refresh } from "./refresh.js";
import { usableUntil } from "./session.js";
import { inquire, isPending } from "./sign.js";

/**
 * What only a person does; a finger that scrolls has been put down before. A `scroll` event is not among them: script
 * scrolls too.
 */
const INPUT_EVENTS = ["pointerdown", "keydown", "wheel"];

/** A page that wakes up: shown again, taken out of the back/forward cache or thawed, or back on the network. */
const WAKE_EVENTS = ["visibilitychange", "pageshow", "resume", "online"];

/** How far the two clocks of the machine drift apart before one of them has stood still or was set. */
const DRIFT_MS = 1_000;

/**
 * Longest single wait, in milliseconds.
 *
 * A machine that sleeps stops its timers, a background tab's are throttled, and a wait over 2^31 - 1 ms fires at
 * once; so what is due is worked out again from the absolute time at least this often.
 */
const LONGEST_WAIT_MS = 30_000;

/** Begins what a client does by itself, and returns what ends it. */
export function run(core: Core): () => void {
  const { clock, target } = core;
  const life = new AbortController();
  let cancel: (() => void) | undefined;
  const lookAtClocks = watchClocks(core);
  const arm = (): void => {
    cancel?.();
    const ms = remaining(core);
    if (ms < Infinity) cancel = clock.after(Math.min(ms, LONGEST_WAIT_MS), tick);
  };
  const tick = (): void => {
    lookAtClocks();
    const { session } = core;
    if (remaining(core) <= 0) {
      if (session) void refresh(core);
      else inquire(core);
    }
    update(core);
  };
  const seen = (event: Event): void => {
    if (INPUT_EVENTS.includes(event.type)) {
      touch(core);
      return;
    }
    if (event.type === "online" && core.failure?.status === 0) core.until = 0;
    lookAtClocks();
    // A page from the back/forward cache has heard nothing of what other tabs said meanwhile.
    if ((event as PageTransitionEvent).persisted || isPending(core)) inquire(core);
    arm();
  };

  core.replan = arm;
  core.port = core.channel(core.key);
  core.port?.addEventListener("message", ({ data }) => {
    hear(core, membersOf(data));
  });
  const { signal } = life;
  for (const name of [...INPUT_EVENTS, ...WAKE_EVENTS]) {
    target?.addEventListener(name, seen, { signal, passive: true, capture: true });
  }
  if (page?.navigator.cookieEnabled ?? true) {
    if (isPending(core)) end(core, "signed_out");
    inquire(core);
  } else end(core, "unsupported");
  return () => {
    life.abort();
    cancel?.();
    core.replan = undefined;
    core.port?.close();
    core.port = null;
  };
}

/** Makes what notices that the machine has slept, or that its clock was set. */
function watchClocks(core: Core): () => void {
  const { clock } = core;
  const lead = (): number => clock.now() - clock.monotonic();
  let before = lead();
  return () => {
    const sleptMs = lead() - before;
    before += sleptMs;
    if (Math.abs(sleptMs) < DRIFT_MS) return;
    emit(core, { type: "wake", sleptMs });
    // A pause that was to end by a clock which was set back could last for ever.
    if (sleptMs < 0) core.until = 0;
    // What was known of the time is worthless. What is due is renewed anyway, and brings the server's time along.
    if (core.session && dueIn(core, core.session) > 0) inquire(core);
  };
}

/** Milliseconds until something is due; infinitely many when nothing is planned, or is being done. */
function remaining(core: Core): number {
  const { session, state, turns } = core;
  if (turns.size > 0) return Infinity;
  const left = pauseLeft(core);
  if (!session) return state.status === "loading" || isPending(core) ? left : Infinity;
  const due = Math.max(left, dueIn(core, session));
  // While the refresh fails, the state changes when the access token expires.
  const failing = core.failure && state.status !== "degraded";
  return failing ? Math.min(due, usableUntil(session) - serverNow(core)) : due;
}
