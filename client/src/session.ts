import { answerInvalid, membersOf } from "./errors.js";

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

/** What a session answer of the server says happened; a newer server may say something else. */
export type Outcome = "opened" | "rotated" | "replayed" | "unchanged" | "adopted" | "current" | (string & {});

/** A session answer, read. */
export interface Answer {
  readonly outcome: Outcome;
  readonly session: Session;
}

/**
 * Reads a session answer (spec/README.md, "Session answer"); `user` is taken as the application's server sent it.
 *
 * @throws SealringError `answer_invalid` when the body is not one.
 */
export function readAnswer(body: unknown): Answer {
  const { outcome, now_ms: now, session_id: sessionId, generation, binding, user, ...rest } = membersOf(body);
  const at = (name: string): number => (now as number) + (rest[name] as number) * 1_000;
  const times = {
    answeredAt: now as number,
    expiresAt: at("expires_in"),
    refreshAt: at("refresh_in"),
    idleEndsAt: at("idle_expires_in"),
    endsAt: at("session_expires_in"),
  };
  const numbers = [generation, ...Object.values(times)];
  if (typeof sessionId !== "string" || !numbers.every(Number.isFinite)) throw answerInvalid();
  return { outcome, session: { sessionId, generation, binding, user, ...times } } as Answer;
}

/**
 * Whether an answer is older than what is held.
 *
 * "A version, compared only within one session": a lower generation of the same session is never gone back to.
 */
export function isOlder(answer: Session, held: Session | null): boolean {
  return answer.sessionId === held?.sessionId && answer.generation < held.generation;
}

/** By how much a later expiry is a later token's, in milliseconds: one token's is told a little differently each time. */
const LATER_MS = 500;

/** Whether a session has newer cookies than it had, or is another one. */
export function isNewer(session: Session, before: Session): boolean {
  return (
    session.sessionId !== before.sessionId ||
    session.generation > before.generation ||
    session.expiresAt > before.expiresAt + LATER_MS
  );
}

/** How far before its expiry an access token is no longer sent along: the request's own way takes time. */
const EXPIRY_MARGIN_MS = 5_000;

/** Until when a request that is sent arrives with a good access token; by the server's clock. */
export function usableUntil({ expiresAt, answeredAt }: Session): number {
  return expiresAt - Math.min(EXPIRY_MARGIN_MS, (expiresAt - answeredAt) / 10);
}

const LONGEST_JITTER_MS = 30_000;
const JITTER_SHARE = 0.05;
const LONGEST_IDLE_LEAD_MS = 60_000;
/**
 * Ends are asked about a moment after them, so that the answer is that they have come; and between an answer and the
 * next refresh there is at least as long, however little the server gives.
 */
const MOMENT_MS = 1_000;

/**
 * When to refresh: milliseconds since the epoch by the server's clock.
 *
 * - The server's `refresh_in`, and up to 5 % of the token's life (30 s at most) earlier, never later.
 * - No refresh lengthens a token that already lives as long as its session: the next one asks about the end.
 * - Before the idle end when the user has been active since the last answer, so that activity is reported in time;
 *   otherwise just after it, so that the end is noticed.
 *
 * @param jitter - where in the jitter's range this client refreshes: a number from 0 up to, not including, 1.
 * @param lastInputAt - the user's last input, by the server's clock.
 */
export function refreshDue(session: Session, jitter: number, lastInputAt: number): number {
  const { answeredAt, expiresAt, refreshAt, idleEndsAt, endsAt } = session;
  const early = jitter * Math.min(LONGEST_JITTER_MS, JITTER_SHARE * (expiresAt - answeredAt));
  const periodic = expiresAt < endsAt - MOMENT_MS ? refreshAt - early : endsAt + MOMENT_MS;
  const active = lastInputAt > answeredAt && idleEndsAt < endsAt;
  const lead = active ? Math.min(LONGEST_IDLE_LEAD_MS, (idleEndsAt - answeredAt) / 2) : -MOMENT_MS;
  return Math.max(Math.min(periodic, idleEndsAt - lead), answeredAt + MOMENT_MS);
}
