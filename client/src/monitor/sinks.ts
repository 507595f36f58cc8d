import type { Sink } from "./report.js";

/** Writes alerts as warnings and events as debug messages. */
export function consoleSink(log: Pick<Console, "warn" | "debug"> = console): Sink {
  return {
    take: (report) => {
      if (report.type === "alert") log.warn("sealring:", report.code, report.ms);
      else log.debug("sealring:", report);
    },
  };
}
