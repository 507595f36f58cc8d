import { type Core, emit } from "./core.js";

/** The part of `navigator.locks` that the client uses. */
export interface Locks {
  request: <Result>(
    name: string,
    options: { readonly signal: AbortSignal } | { readonly ifAvailable: true },
    work: (lock: unknown) => Promise<Result> | null,
  ) => Promise<Result | null>;
}

/** How long another tab may refresh, in milliseconds: a little longer than it would itself wait for the server. */
const DEADLINE_MS = 11_000;

/**
 * Does work while no other tab of this origin does the same, or without the lock once the deadline has passed.
 *
 * The lock only saves requests. So it is never stolen, a tab that hangs with it is passed by, and a browser that
 * refuses locks (an opaque origin, a page that is going away) is one without them.
 *
 * @param signal - ends the wait early; the work is told of it itself.
 * @param work - what to do; told whether another tab had the lock before: what it did may concern the work.
 */
export async function withLock<Result>(
  core: Core,
  signal: AbortSignal,
  work: (waited: boolean) => Promise<Result>,
): Promise<Result> {
  const { locks, key, clock } = core;
  const patience = new AbortController();
  let begun: Promise<Result> | undefined;
  const begin = (waited: boolean): Promise<Result> => (begun = work(waited));
  const cancel = clock.after(DEADLINE_MS, () => {
    if (begun) return;
    emit(core, { type: "lock_timeout" });
    patience.abort();
  });
  try {
    await locks?.request(key, { ifAvailable: true }, (lock) => (lock ? begin(false) : null));
    if (!begun) {
      await locks?.request(key, { signal: AbortSignal.any([signal, patience.signal]) }, () => begin(true));
    }
  } catch {
    // Refused, given up, or the work's own failure, which its promise tells.
  }
  cancel();
  signal.throwIfAborted();
  return begun ?? work(!!locks);
}
