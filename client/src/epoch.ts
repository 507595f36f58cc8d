import { superseded } from "./errors.js";

/**
 * The time between two changes of who is signed in.
 *
 * Whatever begins takes the current signal along; when it comes back to find it aborted, a login or logout has come
 * between, and its result is dropped. So an answer that arrives after a logout cannot bring the session back.
 */
export interface Epoch {
  /** Aborted as soon as this epoch is over; the reason is the error `superseded`. */
  readonly current: () => AbortSignal;
  /** Begins the next epoch: synchronously, at once. */
  readonly next: () => void;
}

/** Makes the first {@link Epoch}. */
export function createEpoch(): Epoch {
  let controller = new AbortController();
  return {
    current: () => controller.signal,
    next: () => {
      const over = controller;
      controller = new AbortController();
      over.abort(superseded());
    },
  };
}

/** Rejects with a signal's reason as soon as it is aborted, and never resolves. */
export function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
