import type { Clock } from "./clock.js";

/** The part of `navigator.locks` that the client uses. */
export interface Locks {
  request: <Result>(
    name: string,
    options: { readonly signal: AbortSignal } | { readonly ifAvailable: true },
    work: (lock: unknown) => Promise<Result>,
  ) => Promise<Result>;
}

/** What {@link withLock} needs. */
export interface LockInput<Result> {
  /** Null where there are none: the work is then done at once. */
  readonly locks: Locks | null;
  readonly name: string;
  readonly clock: Clock;
  /** How long to wait for another tab, in milliseconds. */
  readonly deadlineMs: number;
  /** Ends the wait early; the work is told of it itself. */
  readonly signal: AbortSignal;
  /** @param waited - whether another tab had the lock before: what it did may concern the work. */
  readonly work: (waited: boolean) => Promise<Result>;
  /** Called when the deadline passed. */
  readonly late: () => void;
}

/**
 * Does work while no other tab of this origin does the same, or without the lock once the deadline has passed.
 *
 * The lock only saves requests. So it is never stolen, a tab that hangs with it is passed by, and a browser that
 * refuses locks (an opaque origin, a page that is going away) is one without them.
 */
export async function withLock<Result>(input: LockInput<Result>): Promise<Result> {
  const { locks, name, signal, work } = input;
  let begun = false as boolean;
  const begin = (waited: boolean): Promise<Result> => {
    begun = true;
    return work(waited);
  };
  const waiting = new AbortController();
  const stop = (): void => waiting.abort();
  const cancel = input.clock.after(input.deadlineMs, () => {
    if (begun) return;
    input.late();
    stop();
  });
  signal.addEventListener("abort", stop);
  try {
    if (!locks) return await begin(false);
    const free = await locks.request(name, { ifAvailable: true }, async (lock) =>
      lock === null ? null : { result: await begin(false) },
    );
    if (free) return free.result;
    return await locks.request(name, { signal: waiting.signal }, () => begin(true));
  } catch (error) {
    if (begun) throw error;
    return await work(true);
  } finally {
    cancel();
    signal.removeEventListener("abort", stop);
  }
}
