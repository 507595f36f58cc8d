import type { Clock } from "./clock.js";

/**
 * Longest single wait, in milliseconds.
 *
 * A machine that sleeps stops its timers, a background tab's are throttled, and a wait over 2^31 - 1 ms fires at
 * once; so what is due is worked out again from the absolute time at least this often.
 */
export const LONGEST_WAIT_MS = 30_000;

/** Runs something when it is due. */
export interface Timer {
  /** Works out again what is due; call it whenever that may have changed. */
  readonly arm: () => void;
  /** Forgets the wait under way. */
  readonly stop: () => void;
}

/**
 * Makes a timer that never trusts one long wait.
 *
 * @param clock - where time comes from.
 * @param remaining - milliseconds until `run` is due, 0 or less when it is; null when nothing is planned.
 * @param run - what to do then; it must change what `remaining` answers.
 * @param woken - called whenever a wait is over, due or not.
 */
export function createTimer(
  clock: Clock,
  remaining: () => number | null,
  run: () => void,
  woken?: () => void,
): Timer {
  let cancel: (() => void) | null = null;

  const stop = (): void => {
    cancel?.();
    cancel = null;
  };
  const arm = (): void => {
    stop();
    const ms = remaining();
    if (ms !== null) cancel = clock.after(Math.ceil(Math.min(Math.max(ms, 0), LONGEST_WAIT_MS)), tick);
  };
  const tick = (): void => {
    woken?.();
    const ms = remaining();
    if (ms !== null && ms <= 0) run();
    arm();
  };
  return { arm, stop };
}
