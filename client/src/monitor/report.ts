import type { ClientEvent } from "../events.js";

/**
 * What an alert is about.
 *
 * - `refresh_late`: a refresh came `ms` before the access token's expiry (negative: after it), later than it should.
 * - `refresh_failing`: refreshes fail again and again; next try in `ms`.
 * - `refresh_storm`: too many refreshes of this tab within `ms`.
 * - `clock_skew`: the server's clock is `ms` ahead of this machine's (negative: behind).
 * - `cookies_blocked`: the browser does not keep the session's cookies.
 * - `reuse_detected`: the session was ended as stolen.
 * - `ends_soon`: the session ends in `ms`, unless there is input before that can move the end.
 */
export type AlertCode =
  | "refresh_late"
  | "refresh_failing"
  | "refresh_storm"
  | "clock_skew"
  | "cookies_blocked"
  | "reuse_detected"
  | "ends_soon";

/** Something that somebody should know. */
export interface Alert {
  readonly type: "alert";
  readonly code: AlertCode;
  /** What the code says, in milliseconds; null where it says nothing. */
  readonly ms: number | null;
}

/** What a sink is given: an event of the client, or an alert; never a token, never anything about the user. */
export type Report = ClientEvent | Alert;

/** Consumes reports; it must be quick. */
export interface Sink {
  /** Takes one report. */
  readonly take: (report: Report) => void;
  /** Hands on at once what it has kept back: the page may go away. */
  readonly flush?: () => void;
}
