import { answerInvalid, isRecord } from "./errors.js";

/** One session of the signed-in account, as the list of sessions shows it. */
export interface SessionSummary {
  /** Public id, for `endSession`. */
  readonly sessionId: string;
  /** Whether it is the session that asks. */
  readonly current: boolean;
  /** What the device called itself at the login, for people to recognise; empty when it did not. */
  readonly device: string;
  /** When it began: milliseconds since the epoch, like all times here by the server's clock. */
  readonly createdAt: number;
  /** When it was last used. */
  readonly lastSeenAt: number;
  /** When it ends if it is not used: the earlier of the idle and the absolute end. */
  readonly expiresAt: number;
}

/** Reads the answer of `GET /sessions`; throws a SealringError when it is not one. */
export function readSessions(body: unknown): readonly SessionSummary[] {
  const list = isRecord(body) ? body["sessions"] : null;
  if (!Array.isArray(list)) throw answerInvalid(200);
  return list.map(readSummary);
}

/** Reads how many sessions an answer says were ended. */
export function readEnded(body: unknown): { readonly ended: number; readonly signedOut: boolean } {
  if (!isRecord(body) || typeof body["ended"] !== "number") throw answerInvalid(200);
  return { ended: body["ended"], signedOut: body["outcome"] === "signed_out" };
}

function readSummary(entry: unknown): SessionSummary {
  if (!isRecord(entry)) throw answerInvalid(200);
  const {
    session_id: sessionId,
    created_at_ms: createdAt,
    last_seen_ms: lastSeenAt,
    expires_at_ms: expiresAt,
  } = entry;
  if (typeof sessionId !== "string") throw answerInvalid(200);
  if (typeof createdAt !== "number" || typeof lastSeenAt !== "number" || typeof expiresAt !== "number") {
    throw answerInvalid(200);
  }
  const device = typeof entry["device"] === "string" ? entry["device"] : "";
  return { sessionId, current: entry["current"] === true, device, createdAt, lastSeenAt, expiresAt };
}
