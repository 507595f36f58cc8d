/** Work of which there is one at a time. */
export interface Flight<Result> {
  /** The work under way, or null. */
  readonly running: () => Promise<Result> | null;
  /** Joins the work under way, or begins it. */
  readonly join: () => Promise<Result>;
}

/**
 * Makes a {@link Flight}.
 *
 * @param work - what is done once for all who ask while it is done.
 * @param landed - called afterwards, whether it succeeded or not.
 */
export function createFlight<Result>(work: () => Promise<Result>, landed?: () => void): Flight<Result> {
  let flight: Promise<Result> | null = null;
  return {
    running: () => flight,
    join: () =>
      (flight ??= work().finally(() => {
        flight = null;
        landed?.();
      })),
  };
}
