/**
 * Logins and logouts one after the other, and nothing else that changes cookies beside them.
 *
 * Each of them sets or deletes the cookies, and the browser keeps whichever answer comes last.
 */
export interface Gate {
  /** Runs `work` when all work before it is done. */
  readonly run: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Resolves when no work is running or waiting; at once when there is none. */
  readonly idle: () => Promise<void>;
}

/** Makes an open {@link Gate}. */
export function createGate(): Gate {
  let tail: Promise<unknown> | null = null;
  return {
    run: (work) => {
      const mine = (tail ?? Promise.resolve()).then(work);
      const rest = (): void => {
        if (tail === settled) tail = null;
      };
      const settled: Promise<void> = mine.then(rest, rest);
      tail = settled;
      return mine;
    },
    idle: async () => {
      while (tail !== null) await tail;
    },
  };
}
