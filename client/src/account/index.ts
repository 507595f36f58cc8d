import type { Client } from "../client.js";
import { answerInvalid, membersOf } from "../errors.js";
import { sessionOf } from "../state.js";

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

/**
 * The account's sessions.
 *
 * @throws SealringError only, like all functions here.
 */
export async function listSessions<User>(client: Client<User>): Promise<readonly SessionSummary[]> {
  const list = membersOf(await client.send("GET", "/sessions"))["sessions"];
  if (!Array.isArray(list)) throw answerInvalid();
  return list.map(readSummary);
}

/** Ends one of the account's sessions; when it is this one, the user is signed out. */
export async function endSession<User>(client: Client<User>, sessionId: string): Promise<void> {
  await end(client, "DELETE", `/sessions/${encodeURIComponent(sessionId)}`);
}

/**
 * Ends every session of the account, this one too.
 *
 * @returns how many were ended. When it rejects nothing was ended and the user is still signed in.
 */
export function logoutAll<User>(client: Client<User>): Promise<number> {
  return end(client, "POST", "/logout-all");
}

/** Makes a call that may end sessions; `signed_out` says that this one was among them. */
async function end<User>(client: Client<User>, method: "POST" | "DELETE", path: string): Promise<number> {
  const held = sessionOf(client.getSnapshot());
  const { ended, outcome } = membersOf(await client.send(method, path));
  if (typeof ended !== "number") throw answerInvalid();
  // A session that was opened meanwhile is another one, and stays.
  if (outcome === "signed_out" && held) client.forget(held.sessionId);
  return ended;
}

function readSummary(entry: unknown): SessionSummary {
  const { session_id: sessionId, current, device = "", ...times } = membersOf(entry);
  const { created_at_ms: createdAt, last_seen_ms: lastSeenAt, expires_at_ms: expiresAt } = times;
  if (typeof sessionId !== "string" || ![createdAt, lastSeenAt, expiresAt].every(Number.isFinite)) {
    throw answerInvalid();
  }
  return { sessionId, current: current === true, device, createdAt, lastSeenAt, expiresAt } as SessionSummary;
}
