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

/** Ends of codes that are their reasons; a test goes through all codes of the contract. */
const NAMED = /(expired_idle|expired_absolute|revoked|reused|inactive|binding_failed)$/;

/**
 * Why a session is over, by the code of a `sign_in` error: a code that is not known is `invalid`.
 *
 * @param hadSession - whether this client knew of a session: then "no credential came along" means that something
 *   else has taken the cookies away.
 */
export function reasonFor({ code }: SealringError, hadSession: boolean): SignedOutReason | null {
  if (code === "not_authenticated" || code === "refresh_missing")
    return hadSession ? "signed_out_elsewhere" : null;
  return (NAMED.exec(code)?.[1] ?? "invalid") as SignedOutReason;
}

/** The state after an answer; the same object when nothing changed, like all that follow. */
export function answered<User>(state: SessionState<User>, fresh: Session<User>): SessionState<User> {
  const held = sessionOf(state);
  // What depends on the user only (a memo, a list of its rights) is not worked out again after each refresh.
  const session = held && same(held.user, fresh.user) ? { ...fresh, user: held.user } : fresh;
  return state.status === "authenticated" && same(held, session)
    ? state
    : { status: "authenticated", session };
}

/** The state while a refresh is under way, or after one that came to nothing. */
export function refreshing<User>(state: SessionState<User>, underWay: boolean): SessionState<User> {
  const [from, status] = underWay
    ? (["authenticated", "refreshing"] as const)
    : (["refreshing", "authenticated"] as const);
  return state.status === from ? { status, session: state.session } : state;
}

/**
 * The state after a failure that passes.
 *
 * @param expired - whether the access token has expired meanwhile.
 */
export function failed<User>(
  state: SessionState<User>,
  error: SealringError,
  expired: boolean,
): SessionState<User> {
  if (state.status === "loading") return { status: "loading", error };
  const session = sessionOf(state);
  if (session === null) return state;
  return expired ? { status: "degraded", session, error } : { status: "authenticated", session };
}

/** The state after the end of a session. */
export function ended<User>(state: SessionState<User>, reason: SignedOutReason | null): SessionState<User> {
  return state.status === "signed_out" && state.reason === reason ? state : { status: "signed_out", reason };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
