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

/** What is stored: session id, generation and attempt id; the first two are empty and 0 while they are not known. */
const HELD = /^(.*) (\d+) ([\w-]{1,64})$/;

/** Makes the {@link Attempts} that the tabs with this storage and key share. */
export function createAttempts(storage: KeyValueStorage, key: string, random: () => number): Attempts {
  /** The id held for this session, and for which generation of it; none for another session. */
  const read = (sessionId?: string): { readonly generation: number; readonly id: string } | null => {
    const [, held, generation, id] = HELD.exec(storage.getItem(key) ?? "") ?? [];
    return id && (sessionId ?? held) === held ? { generation: Number(generation), id } : null;
  };
  const hold = (session: Session | null, id: string): string => {
    storage.setItem(key, `${session?.sessionId ?? ""} ${session?.generation ?? 0} ${id}`);
    return id;
  };
  /** 128 bits of chance in 28 characters of `0-9 a-z`; the contract allows up to 64 of `A-Z a-z 0-9 - _`. */
  const draw = (): string =>
    [0, 0, 0, 0]
      .map(() =>
        Math.floor(random() * 2 ** 32)
          .toString(36)
          .padStart(7, "0"),
      )
      .join("");

  return {
    current: (session) => {
      const held = read(session?.sessionId);
      // A higher generation is another tab's: its cookie is already ours, only its message is still on the way.
      return held && held.generation >= (session?.generation ?? 0) ? held.id : hold(session, draw());
    },
    merge: (session, id) => {
      const held = read(session.sessionId);
      const ahead = held ? held.generation - session.generation : -1;
      if (held && ahead === 0 && held.id < id) return held.id;
      if (ahead < 0 || (ahead === 0 && held?.id !== id)) hold(session, id);
      return null;
    },
  };
}
