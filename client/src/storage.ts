/** The part of `localStorage` that the client uses; nothing secret is ever kept in it. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * A storage that never throws.
 *
 * Browsers refuse storage in private windows, when it is full, or by setting. What cannot be shared with other tabs
 * is then at least kept in this one.
 *
 * @param storage - what to keep values in; null for memory only.
 */
export function safeStorage(storage: KeyValueStorage | null): KeyValueStorage {
  const refused = new Map<string, string>();
  return {
    getItem: (key) => {
      try {
        return refused.get(key) ?? storage?.getItem(key) ?? null;
      } catch {
        return null;
      }
    },
    setItem: (key, value) => {
      try {
        if (storage === null) refused.set(key, value);
        else storage.setItem(key, value);
      } catch {
        refused.set(key, value);
      }
    },
    removeItem: (key) => {
      refused.delete(key);
      try {
        storage?.removeItem(key);
      } catch {
        // What may not be read either does no harm.
      }
    },
  };
}
