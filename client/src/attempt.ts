import type { Core } from "./core.js";

/**
 * The id to refresh with, by which the server tells this browser's refreshes from a thief's.
 *
 * An id is drawn when a refresh token arrives, long before it is needed, and noted before this returns: session id,
 * generation and attempt id. It stays until the next token arrives, whatever else is heard of the session. So the tabs agree without a lock, and a refresh whose answer was lost is repeated under the same id, by
 * another tab and after a reload too.
 *
 * @param sessionId - of the refresh token that has arrived; empty for the one that is there, whosever it is.
 * @param generation - of the refresh token that has arrived.
 */
export function attemptFor({ notes, random }: Core, sessionId = "", generation = 0): string {
  const [sid, held = "", id] = notes.get("attempt").split(" ");
  if (id && (!sessionId || (sid === sessionId && +held >= generation))) return id;
  // 128 bits of chance in 7 to 43 characters; the contract allows up to 64 of `A-Z a-z 0-9 - _`.
  const drawn = [0, 0, 0, 0].map(() => (random() * 2 ** 32) >>> 0).join("-");
  notes.set("attempt", `${sessionId} ${generation} ${drawn}`);
  return drawn;
}
