import type { SealringError } from "./errors.js";
import type { SignInCode } from "./errors.generated.js";
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

/** What can happen to a {@link SessionState}. */
export type Change<User> =
  | { readonly kind: "answered"; readonly session: Session<User> }
  | { readonly kind: "refresh_started" }
  | { readonly kind: "refresh_dropped" }
  | { readonly kind: "failed"; readonly error: SealringError; readonly expired: boolean }
  | { readonly kind: "ended"; readonly reason: SignedOutReason | null };

/** The state after a change; the same object when nothing changed. */
export function reduce<User>(state: SessionState<User>, change: Change<User>): SessionState<User> {
  switch (change.kind) {
    case "answered":
      return answered(state, change.session);
    case "refresh_started":
      return state.status === "authenticated" ? { status: "refreshing", session: state.session } : state;
    case "refresh_dropped":
      return state.status === "refreshing" ? { status: "authenticated", session: state.session } : state;
    case "failed":
      return failed(state, change.error, change.expired);
    case "ended":
      return ended(state, change.reason);
  }
}

/** The session of a state, or null where there is none. */
export function sessionOf<User>(state: SessionState<User>): Session<User> | null {
  return "session" in state ? state.session : null;
}

/** The reason for each code that ends a session; null says that there was none. */
const REASONS: Readonly<Record<SignInCode, SignedOutReason | null>> = {
  not_authenticated: null,
  refresh_missing: null,
  token_invalid: "invalid",
  refresh_invalid: "invalid",
  login_superseded: "invalid",
  token_revoked: "revoked",
  session_revoked: "revoked",
  session_expired_idle: "expired_idle",
  session_expired_absolute: "expired_absolute",
  session_reused: "reused",
  subject_inactive: "inactive",
  binding_failed: "binding_failed",
};

/**
 * Why a session is over, by the code of a `sign_in` error.
 *
 * @param hadSession - whether this client knew of a session: then "no credential came along" means that something
 *   else has taken the cookies away.
 */
export function reasonFor(error: SealringError, hadSession: boolean): SignedOutReason | null {
  const known = Object.entries(REASONS).find(([code]) => code === error.code);
  const reason = known === undefined ? "invalid" : known[1];
  return reason === null && hadSession ? "signed_out_elsewhere" : reason;
}

function answered<User>(state: SessionState<User>, fresh: Session<User>): SessionState<User> {
  const held = sessionOf(state);
  if (held === null) return { status: "authenticated", session: fresh };
  // What depends on the user only (a memo, a list of its rights) is not worked out again after each refresh.
  const session = same(held.user, fresh.user) ? { ...fresh, user: held.user } : fresh;
  return state.status === "authenticated" && same(held, session)
    ? state
    : { status: "authenticated", session };
}

function failed<User>(state: SessionState<User>, error: SealringError, expired: boolean): SessionState<User> {
  if (state.status === "signed_out") return state;
  if (state.status === "loading") return { status: "loading", error };
  return expired
    ? { status: "degraded", session: state.session, error }
    : { status: "authenticated", session: state.session };
}

function ended<User>(state: SessionState<User>, reason: SignedOutReason | null): SessionState<User> {
  return state.status === "signed_out" && state.reason === reason ? state : { status: "signed_out", reason };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
