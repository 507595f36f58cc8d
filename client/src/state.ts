import type { SealringError } from "./errors.js";
import type { Session } from "./session.js";

/**
 * Why nobody is signed in; null when nobody was.
 *
 * - `signed_out`: by `logout`, `logoutAll` or `endSession` in this tab.
 * - `signed_out_elsewhere`: in another tab, or the browser has lost the session's cookies.
 * - `expired_idle`: the user did nothing for too long.
 * - `expired_absolute`: the session reached its longest allowed life.
 * - `revoked`: ended by its user on another device, by an administrator or by a rule.
 * - `reused`: ended as stolen, because an old refresh token came back.
 * - `inactive`: the account was deleted or disabled.
 * - `binding_failed`: the session is bound to a key that this browser does not hold.
 * - `invalid`: the server does not accept the session's credentials.
 * - `unsupported`: the browser does not keep cookies.
 */
export type SignedOutReason =
  | "signed_out"
  | "signed_out_elsewhere"
  | "expired_idle"
  | "expired_absolute"
  | "revoked"
  | "reused"
  | "inactive"
  | "binding_failed"
  | "invalid"
  | "unsupported";

/**
 * Where the client stands; one immutable object until something changes.
 *
 * - `loading`: the server has not said yet; `error` tells what it is waiting for when it could not be asked.
 * - `authenticated`: signed in.
 * - `refreshing`: signed in, and a refresh is under way.
 * - `degraded`: signed in as far as is known, but the access token has expired and the refresh fails for a passing
 *   reason, `error`. It is tried again by itself; nobody is signed out by it.
 * - `signed_out`: nobody is signed in, for `reason`.
 */
export type SessionState<User = unknown> =
  | { readonly status: "loading"; readonly error: SealringError | null }
  | { readonly status: "authenticated" | "refreshing"; readonly session: Session<User> }
  | { readonly status: "degraded"; readonly session: Session<User>; readonly error: SealringError }
  | { readonly status: "signed_out"; readonly reason: SignedOutReason | null };

/** The state before anything is known; also what a server renders. */
export const LOADING: SessionState<never> = { status: "loading", error: null };

/** The session of a state, or null where there is none. */
export function sessionOf<User>(state: SessionState<User>): Session<User> | null {
  return "session" in state ? state.session : null;
}

/** What the state follows from, beside whether a refresh is under way and the access token has expired. */
export interface Facts {
  /** Null when nobody is signed in, or nothing is known yet. */
  readonly session: Session | null;
  /** Why nobody is signed in; undefined as long as nothing is known. */
  readonly reason?: SignedOutReason | null;
  /** Why the server could not be asked the last time; null after a success. */
  readonly failure: SealringError | null;
}

/** The state that follows from what is known. */
export function stateOf(
  { session, reason, failure: error }: Facts,
  refreshing: boolean,
  expired: boolean,
): SessionState {
  if (session && error && expired) return { status: "degraded", session, error };
  if (session) return { status: refreshing ? "refreshing" : "authenticated", session };
  return reason === undefined ? { status: "loading", error } : { status: "signed_out", reason };
}

/** Ends of codes that are their reasons; a test goes through all codes of the contract. */
const NAMED = /(expired_(idle|absolute)|revoked|reused|inactive|binding_failed)$/;

/**
 * Why a session is over, by the code of a `sign_in` error: a code that is not known is `invalid`.
 *
 * @param missing - what "no credential came along" means.
 */
export function reasonFor(code: string, missing: SignedOutReason | null): SignedOutReason | null {
  if (/^not_auth|_missing$/.test(code)) return missing;
  return (NAMED.exec(code)?.[1] ?? "invalid") as SignedOutReason;
}
