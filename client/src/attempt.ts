import { isRecord } from "./errors.js";
import type { Session } from "./session.js";
import type { KeyValueStorage } from "./storage.js";

/**
 * The ids by which the server tells this browser's refreshes from a thief's: one for each generation.
 *
 * An id is drawn when a generation's first answer arrives, long before it is needed, stored and told to the other
 * tabs; where two tabs drew at once the lesser id wins in both. So the tabs agree without a lock, and a refresh whose
 * answer was lost is repeated under the same id, after a reload too.
 */
export interface Attempts {
  /**
   * The id to refresh with; in the storage before this returns.
   *
   * @param session - what is known of the session; null before the first answer.
   */
  readonly current: (session: Session | null) => string;
  /**
   * Another tab uses this id for this generation.
   *
   * @returns the id to use instead, where that tab does not know it yet; null where it is this one.
   */
  readonly merge: (session: Session, id: string) => string | null;
}

interface Held {
  /** Null when it was drawn before the session was known. */
  readonly sessionId: string | null;
  readonly generation: number;
  readonly id: string;
}

/** 128 bits of chance in 28 characters of `0-9 a-z`; the contract allows up to 64 of `A-Z a-z 0-9 - _`. */
const DRAWS = 4;

/** Makes the {@link Attempts} that the tabs with this storage and key share. */
export function createAttempts(storage: KeyValueStorage, key: string, random: () => number): Attempts {
  const hold = (held: Held): string => {
    storage.setItem(key, JSON.stringify(held));
    return held.id;
  };
  const draw = (): string =>
    Array.from({ length: DRAWS }, () =>
      Math.floor(random() * 2 ** 32)
        .toString(36)
        .padStart(7, "0"),
    ).join("");

  return {
    current: (session) => {
      const held = read(storage.getItem(key));
      if (session === null) return held?.id ?? hold({ sessionId: null, generation: 0, id: draw() });
      // A higher generation is another tab's: its cookie is already ours, only its message is still on the way.
      if (held?.sessionId === session.sessionId && held.generation >= session.generation) return held.id;
      return hold({ sessionId: session.sessionId, generation: session.generation, id: draw() });
    },
    merge: (session, id) => {
      const held = read(storage.getItem(key));
      const { sessionId, generation } = session;
      if (held?.sessionId === sessionId && held.generation >= generation) {
        if (held.generation > generation || held.id === id) return null;
        if (held.id < id) return held.id;
      }
      hold({ sessionId, generation, id });
      return null;
    },
  };
}

function read(text: string | null): Held | null {
  try {
    const held: unknown = JSON.parse(text ?? "null");
    return isHeld(held) ? held : null;
  } catch {
    return null; // Somebody else's text under our key: as good as none.
  }
}

function isHeld(value: unknown): value is Held {
  return (
    isRecord(value) &&
    (value["sessionId"] === null || typeof value["sessionId"] === "string") &&
    typeof value["generation"] === "number" &&
    typeof value["id"] === "string" &&
    /^[\w-]{1,64}$/.test(value["id"])
  );
}
