// Generated from spec/error-codes.json by scripts/generate-errors.mjs. Do not edit: run `npm run generate`.

/** Number of the contract between server and client; every request of the client carries it. */
export const CONTRACT = "1";

/**
 * What a client does about an error.
 *
 * - `retry`: Keep the session, back off with jitter, honour Retry-After.
 * - `refresh`: Refresh once, then repeat the request once.
 * - `sign_in`: Terminal: the session is over, ask the user to sign in.
 * - `fix`: The request itself is wrong: repeating it cannot help.
 */
export type Action = (typeof ACTIONS)[number];

/** Every {@link Action}. */
export const ACTIONS = ["retry", "refresh", "sign_in", "fix"] as const;

/** Every error code that the server's contract names. */
export type ErrorCode =
  | "not_authenticated"
  | "token_missing"
  | "token_expired"
  | "token_superseded"
  | "token_invalid"
  | "token_revoked"
  | "subject_inactive"
  | "credentials_invalid"
  | "login_superseded"
  | "refresh_missing"
  | "refresh_invalid"
  | "session_expired_idle"
  | "session_expired_absolute"
  | "session_revoked"
  | "session_reused"
  | "binding_failed"
  | "caller_unknown"
  | "insufficient_scope"
  | "csrf_refused"
  | "request_invalid"
  | "validation_failed"
  | "not_found"
  | "method_not_allowed"
  | "conflict"
  | "too_many_sessions"
  | "body_too_large"
  | "media_type_refused"
  | "rate_limited"
  | "internal_error"
  | "store_unavailable"
  | "version_unknown";

/** The codes whose action is `sign_in`: the session is over. */
export type SignInCode =
  | "not_authenticated"
  | "token_invalid"
  | "token_revoked"
  | "subject_inactive"
  | "login_superseded"
  | "refresh_missing"
  | "refresh_invalid"
  | "session_expired_idle"
  | "session_expired_absolute"
  | "session_revoked"
  | "session_reused"
  | "binding_failed";
