import type { Core } from "./core.js";
import { listenTo } from "./events.js";
import type { Flight } from "./flight.js";
import type { Keeper } from "./keeper.js";
import type { Logout } from "./logout.js";
import type { Refresher } from "./refresher.js";
import { createHearing } from "./remote.js";
import { usableUntil } from "./session.js";
import { createTimer } from "./timer.js";

/** The parts that a running client drives. */
export interface Parts<User> {
  readonly keeper: Keeper<User>;
  readonly refresher: Refresher<User>;
  readonly inquiry: Flight<void>;
  readonly logout: Logout;
}

/** Begins and ends what a client does by itself. */
export interface Lifecycle {
  /** Begins, or does nothing when begun. */
  readonly start: () => void;
  /** Ends, or does nothing when ended; can be begun again. */
  readonly dispose: () => void;
}

/** A page that wakes up: shown again, taken out of the back/forward cache or thawed, or back on the network. */
const WAKE_EVENTS = ["visibilitychange", "pageshow", "resume", "online"];

/** How far the two clocks of the machine drift apart before one of them has stood still or was set. */
const DRIFT_MS = 1_000;

/** Makes the {@link Lifecycle} of a client. */
export function createLifecycle<User>(core: Core<User>, parts: Parts<User>): Lifecycle {
  const { settings, store, backoff, time } = core;
  const { keeper, refresher, inquiry, logout } = parts;
  let undo: (() => void)[] = [];

  const remaining = (): number | null => {
    const state = store.get();
    if (state.status === "signed_out" || refresher.running() || inquiry.running()) return null;
    if (state.status === "loading") return backoff.remainingMs();
    const due = Math.max(backoff.remainingMs(), keeper.dueInMs(state.session));
    const failing = backoff.lastError() !== null && state.status !== "degraded";
    return failing ? Math.min(due, usableUntil(state.session) - time.now()) : due;
  };

  const check = (): void => {
    const session = keeper.session();
    if (session === null) {
      void inquiry.join();
      return;
    }
    refresher.showExpiry();
    if (backoff.remainingMs() <= 0 && keeper.dueInMs(session) <= 0)
      refresher.refresh().catch(() => undefined);
  };

  const inquire = (): void => {
    if (logout.pending()) void logout.deliver();
    else void inquiry.join();
  };

  const { clock } = settings;
  let lead = 0;
  /** Notices that the machine has slept, or that its clock was set: what is known of the time is then worthless. */
  const lookAtClocks = (): void => {
    const before = lead;
    lead = clock.now() - clock.monotonic();
    const sleptMs = lead - before;
    if (Math.abs(sleptMs) < DRIFT_MS) return;
    core.events.emit({ type: "wake", sleptMs });
    const session = keeper.session();
    // What is due is renewed anyway, and brings the server's time along.
    if (session && keeper.dueInMs(session) > 0) inquire();
  };

  const timer = createTimer(clock, remaining, check, lookAtClocks);

  const wake = (event: Event): void => {
    if (event.type === "online") backoff.online();
    // A page from the back/forward cache has heard nothing of what other tabs said meanwhile.
    lookAtClocks();
    const stale = event.type === "pageshow" && "persisted" in event && event.persisted === true;
    if (stale || logout.pending()) inquire();
    timer.arm();
  };

  return {
    start: () => {
      if (undo.length > 0) return;
      const hear = createHearing(core, keeper, inquire);
      lead = clock.now() - clock.monotonic();
      core.replan = timer.arm;
      undo = [
        core.channel.open(hear),
        core.activity.listen(),
        listenTo(settings.target, WAKE_EVENTS, wake),
        timer.stop,
      ];
      if (!settings.cookiesEnabled()) {
        keeper.end("unsupported");
        return;
      }
      if (logout.pending()) keeper.end("signed_out");
      inquire();
      timer.arm();
    },
    dispose: () => {
      core.replan = () => undefined;
      for (const end of undo.splice(0)) end();
    },
  };
}
