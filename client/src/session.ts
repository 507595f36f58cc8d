import { isRecord, isText } from "./errors.js";

/**
 * What the client knows about the session it is signed in with: no credential among it.
 *
 * All times are milliseconds since the epoch by the server's clock; compare them with `client.now()`.
 */
export interface Session<User = unknown> {
  /** Public id of the session, never a credential. */
  readonly sessionId: string;
  /** Version of the session: rises with each rotation; compared only within one `sessionId`. */
  readonly generation: number;
  /** Which key the session is bound to; `none` when to none. */
  readonly binding: string;
  /** What the application tells about the signed-in user. */
  readonly user: User;
  /** When the server gave this answer. */
  readonly answeredAt: number;
  /** When the access token expires. */
  readonly expiresAt: number;
  /** When the server wants the next refresh. */
  readonly refreshAt: number;
  /** When the session ends if the user does nothing. */
  readonly idleEndsAt: number;
  /** When the session ends whatever happens. */
  readonly endsAt: number;
}

/** What a session answer of the server says happened. */
export type Outcome = "opened" | "rotated" | "replayed" | "unchanged" | "adopted" | "current";

/** A session answer, read. */
export interface Answer<User> {
  readonly outcome: Outcome;
  readonly session: Session<User>;
}

const OUTCOMES: readonly Outcome[] = ["opened", "rotated", "replayed", "unchanged", "adopted", "current"];

/**
 * Reads a session answer (spec/README.md, "Session answer").
 *
 * @returns the answer, or null when the body is not one. `user` is taken as the application's server sent it.
 */
export function readAnswer<User>(body: unknown): Answer<User> | null {
  if (!isRecord(body)) return null;
  const outcome = OUTCOMES.find((name) => name === body["outcome"]);
  const { session_id: sessionId, generation, binding, user, now_ms: now } = body;
  const at = (seconds: unknown): number => (isFinite(now) && isFinite(seconds) ? now + seconds * 1_000 : NaN);
  const times = {
    answeredAt: at(0),
    expiresAt: at(body["expires_in"]),
    refreshAt: at(body["refresh_in"]),
    idleEndsAt: at(body["idle_expires_in"]),
    endsAt: at(body["session_expires_in"]),
  };
  if (!outcome || !isText(sessionId) || !isText(binding)) return null;
  if (!isFinite(generation) || !Object.values(times).every(isFinite)) return null;
  return { outcome, session: { sessionId, generation, binding, user: user as User, ...times } };
}

/**
 * Whether an answer is older than what is held.
 *
 * "A version, compared only within one session": a lower generation of the same session is never gone back to.
 */
export function isOlder(answer: Session, held: Session | null): boolean {
  return held?.sessionId === answer.sessionId && answer.generation < held.generation;
}

/** How far before its expiry an access token is no longer sent along: the request's own way takes time. */
const EXPIRY_MARGIN_MS = 5_000;

/** Until when a request that is sent arrives with a good access token; by the server's clock. */
export function usableUntil({ expiresAt, answeredAt }: Session): number {
  return expiresAt - Math.min(EXPIRY_MARGIN_MS, (expiresAt - answeredAt) / 10);
}

/** Whether the access token has expired, or will have when a request sent now arrives. */
export function isExpired(session: Session, now: number): boolean {
  return now >= usableUntil(session);
}

/** What {@link refreshDue} looks at beside the session. */
export interface DueInput {
  /** Where in the jitter's range this client refreshes: a number from 0 up to, not including, 1. */
  readonly jitter: number;
  /** The user's last input: milliseconds since the epoch by the server's clock. */
  readonly lastInputAt: number;
}

const LONGEST_JITTER_MS = 30_000;
const JITTER_SHARE = 0.05;
const LONGEST_IDLE_LEAD_MS = 60_000;
/** Ends are asked about a moment after them, so that the answer is that they have come. */
const AFTER_END_MS = 1_000;
/** The shortest time between an answer and the next refresh, however little the server gives. */
const SHORTEST_PERIOD_MS = 1_000;

/**
 * When to refresh: milliseconds since the epoch by the server's clock.
 *
 * - The server's `refresh_in`, and up to 5 % of the token's life (30 s at most) earlier, never later.
 * - No refresh lengthens a token that already lives as long as its session: the next one asks about the end.
 * - Before the idle end when the user has been active since the last answer, so that activity is reported in time;
 *   otherwise just after it, so that the end is noticed.
 */
export function refreshDue(session: Session, input: DueInput): number {
  const { answeredAt, expiresAt, refreshAt, idleEndsAt, endsAt } = session;
  const jitter = input.jitter * Math.min(LONGEST_JITTER_MS, JITTER_SHARE * (expiresAt - answeredAt));
  const reachesEnd = expiresAt >= endsAt - AFTER_END_MS;
  const periodic = reachesEnd ? endsAt + AFTER_END_MS : refreshAt - jitter;
  const lead = Math.min(LONGEST_IDLE_LEAD_MS, (idleEndsAt - answeredAt) / 2);
  const active = input.lastInputAt > answeredAt && idleEndsAt < endsAt;
  const idle = active ? idleEndsAt - lead : idleEndsAt + AFTER_END_MS;
  return Math.max(Math.min(periodic, idle), answeredAt + SHORTEST_PERIOD_MS);
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value);
}
