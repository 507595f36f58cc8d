/** The part of `localStorage` that the client uses; nothing secret is ever kept in it. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem">;

/** Texts by name, shared by the tabs as far as the browser lets them. */
export interface Notes {
  /** What is noted under this name, empty when nothing is. */
  readonly get: (name: string) => string;
  readonly set: (name: string, value: string) => void;
}

/**
 * Makes {@link Notes} that never throw.
 *
 * Browsers refuse storage in private windows, when it is full, or by setting. What cannot be shared with other tabs
 * is then at least kept in this one.
 *
 * @param open - gives what to keep values in, or throws where there is nothing.
 * @param key - what every key begins with.
 */
export function createNotes(open: () => unknown, key: string): Notes {
  const memory = new Map<string, string>();
  return {
    get: (name) => {
      try {
        return memory.get(name) ?? (open() as KeyValueStorage).getItem(key + name) ?? "";
      } catch {
        return "";
      }
    },
    set: (name, value) => {
      try {
        (open() as KeyValueStorage).setItem(key + name, value);
        memory.delete(name);
      } catch {
        memory.set(name, value);
      }
    },
  };
}
