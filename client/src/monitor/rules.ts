import type { ClientEvent } from "../events.js";
import type { Session } from "../session.js";
import type { Alert, AlertCode } from "./report.js";

/** When to alert. */
export interface Limits {
  /** A refresh is late when less than this was left of the access token, or than a fifth of its life: milliseconds. */
  readonly lateMs: number;
  /** Failures in a row, of all tabs, that are one alert. */
  readonly failures: number;
  /** Refreshes of this tab within `stormMs` that are not yet a storm. */
  readonly refreshes: number;
  readonly stormMs: number;
  /** A difference of the clocks that is an alert when it is exceeded: milliseconds. */
  readonly skewMs: number;
  /** How long before its end a session ends soon: milliseconds. */
  readonly soonMs: number;
}

/** The limits that hold where the application names no others. */
export const LIMITS: Limits = {
  lateMs: 60_000,
  failures: 3,
  refreshes: 4,
  stormMs: 60_000,
  skewMs: 120_000,
  soonMs: 120_000,
};

/** Makes the rules over the events of one client; they remember what they have seen. */
export function createRules(limits: Limits) {
  let refreshes: readonly number[] = [];
  let woken = false;
  let failing = false;

  const refreshed = (leadMs: number | null, lifeMs: number, at: number): Alert[] => {
    const excused = woken;
    woken = failing = false;
    refreshes = [...refreshes.filter((each) => at - each < limits.stormMs), at];
    // A machine that slept could not refresh: late, but nobody's fault.
    const late = !excused && leadMs !== null && leadMs < Math.min(limits.lateMs, lifeMs / 5);
    const alerts = late ? [alert("refresh_late", leadMs)] : [];
    if (refreshes.length <= limits.refreshes) return alerts;
    refreshes = [];
    return [...alerts, alert("refresh_storm", limits.stormMs)];
  };

  /**
   * The alerts that follow from an event.
   *
   * @param session - held after it.
   * @param at - when it happened, in milliseconds by a clock that nobody sets.
   */
  return (event: ClientEvent, session: Session | null, at: number): readonly Alert[] => {
    switch (event.type) {
      case "refreshed":
        return refreshed(event.leadMs, session ? session.expiresAt - session.answeredAt : Infinity, at);
      case "adopted":
      case "signed_in":
        failing = false;
        return [];
      case "wake":
        woken = true;
        return [];
      case "refresh_failed": {
        if (failing || event.failures < limits.failures) return [];
        failing = true;
        return [alert("refresh_failing", event.retryInMs)];
      }
      case "clock_skew":
        return Math.abs(event.offsetMs) > limits.skewMs ? [alert("clock_skew", event.offsetMs)] : [];
      case "signed_out":
        // The tab that was told by the server reports it; the others only heard of it.
        if (event.remote) return [];
        if (event.reason === "unsupported") return [alert("cookies_blocked")];
        return event.reason === "reused" ? [alert("reuse_detected")] : [];
      case "request_retried":
      case "lock_timeout":
        return [];
    }
  };
}

/** Makes an alert. */
export function alert(code: AlertCode, ms: number | null = null): Alert {
  return { type: "alert", code, ms };
}
