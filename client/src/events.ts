import type { SealringErrorCode } from "./errors.js";
import type { Outcome } from "./session.js";
import type { SignedOutReason } from "./state.js";

/**
 * Something that happened, for logs and measurements: never a token, never anything about the user.
 *
 * - `signed_in`: a login succeeded here.
 * - `refreshed`: a refresh succeeded `leadMs` before the access token's expiry (negative: after it; null when the
 *   expiry was not known) and took `tookMs`.
 * - `refresh_failed`: the server could not be asked for a refresh, the session or a logout, `failures` times in a row;
 *   next try in `retryInMs`.
 * - `adopted`: another tab's answer was taken over.
 * - `request_retried`: a request was refused with `code`, and sent again after a refresh.
 * - `clock_skew`: the server's clock is now known to be `offsetMs` ahead of this machine's (negative: behind), 2 s or
 *   more from what was told before; before the first of these they agree.
 * - `lock_timeout`: another tab had the refresh lock for too long; the refresh went on without it.
 * - `wake`: the machine slept, or its clock was set, by `sleptMs` (negative: set back).
 * - `signed_out`: the session is over; `remote` when another tab said so.
 */
export type ClientEvent =
  | { readonly type: "signed_in" }
  | {
      readonly type: "refreshed";
      readonly outcome: Outcome;
      readonly tookMs: number;
      readonly leadMs: number | null;
    }
  | {
      readonly type: "refresh_failed";
      readonly code: SealringErrorCode;
      readonly failures: number;
      readonly retryInMs: number;
    }
  | { readonly type: "adopted"; readonly generation: number }
  | { readonly type: "request_retried"; readonly code: SealringErrorCode }
  | { readonly type: "clock_skew"; readonly offsetMs: number }
  | { readonly type: "lock_timeout" }
  | { readonly type: "wake"; readonly sleptMs: number }
  | { readonly type: "signed_out"; readonly reason: SignedOutReason | null; readonly remote: boolean };

/** Those who listen to something. */
export type Listeners<Value> = Set<(value: Value) => void>;

/** Tells all listeners; one that throws stops neither the others nor the client. */
export function tell<Value>(listeners: Listeners<Value>, value: Value): void {
  for (const listener of listeners) {
    try {
      listener(value);
    } catch (error) {
      // Its own fault, and reported as such: the window's error event, not ours to swallow.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** Adds a listener until the returned function is called; the same one may be added twice. */
export function listen<Value>(listeners: Listeners<Value>, listener: (value: Value) => void): () => void {
  const own = (value: Value): void => listener(value);
  listeners.add(own);
  return () => {
    listeners.delete(own);
  };
}

/** Where events come from: the part of `window` or `document` that the client uses. */
export type EventSource = Pick<EventTarget, "addEventListener">;
