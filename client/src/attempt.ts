import type { Core } from "./core.js";
import type { Session } from "./session.js";

/**
 * The id to refresh a generation with, by which the server tells this browser's refreshes from a thief's.
 *
 * An id is drawn when a generation's first answer arrives, long before it is needed, and noted before this returns:
 * session id, generation and attempt id. So the tabs agree without a lock, and a refresh whose answer was lost is
 * repeated under the same id, by another tab and after a reload too.
 *
 * @param session - what is known of the session; null before the first answer.
 */
export function attemptFor({ notes, random }: Core, session: Session | null): string {
  const { sessionId = "", generation = 0 } = session ?? {};
  const [sid, held = "", id] = notes.get("attempt").split(" ");
  // A higher generation is another tab's: its cookie is already ours, only its message is still on the way.
  if (id && (!session || sid === sessionId) && +held >= generation) return id;
  // 128 bits of chance in 7 to 43 characters; the contract allows up to 64 of `A-Z a-z 0-9 - _`.
  const drawn = [0, 0, 0, 0].map(() => (random() * 2 ** 32) >>> 0).join("-");
  notes.set("attempt", `${sessionId} ${generation} ${drawn}`);
  return drawn;
}
