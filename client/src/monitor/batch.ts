import { type Clock, systemClock } from "../clock.js";
import { errorFrom } from "../errors.js";
import { CONTRACT } from "../errors.generated.js";
import { CLIENT_HEADER, type Fetch } from "../transport.js";
import type { Report, Sink } from "./report.js";

/** How reports are sent. */
export interface BatchOptions {
  /** Where to; `/auth/client-events` by default. */
  readonly url?: string;
  /** Longest time that a report is kept back, in milliseconds; 10,000 by default. */
  readonly everyMs?: number;
  /** Which reports are sent; all by default. */
  readonly filter?: (report: Report) => boolean;
  /** `globalThis.fetch` by default; not the client's own, which may wait for the very refresh that is reported about. */
  readonly fetch?: Fetch;
  /** Tells the time; the machine's by default. */
  readonly clock?: Clock;
}

/** Reports of one request: what the server takes (spec/README.md). */
const MOST_AT_ONCE = 50;
/** Reports that wait at most; the oldest are dropped first. */
const MOST_WAITING = 200;
/** Longest pause that a failure is followed by where the server names none. */
const LONGEST_PAUSE_MS = 300_000;
/** Longest single wait that is asked of a clock. */
const LONGEST_WAIT_MS = 30_000;

/**
 * Sends reports to the server in batches, where they are counted.
 *
 * By `fetch` with `keepalive`, which outlives the page and, unlike `sendBeacon`, carries the header that the CSRF rule
 * demands. After a failure it waits twice as long each time, or as long as the server says; what the server refuses is
 * dropped.
 */
export function batchSink(options: BatchOptions = {}): Sink {
  const { url = "/auth/client-events", everyMs = 10_000, filter, clock = systemClock } = options;
  const send: Fetch = options.fetch ?? ((input, init) => fetch(input, init));
  const waiting: Wire[] = [];
  let cancel: (() => void) | undefined;
  let sending = false;
  let failures = 0;
  let until = -Infinity;

  const pauseLeft = (): number => until - clock.monotonic();
  const plan = (ms: number): void => {
    cancel?.();
    cancel = clock.after(Math.min(Math.max(ms, pauseLeft()), LONGEST_WAIT_MS), () => {
      flush();
      if (pauseLeft() > 0) plan(0);
    });
  };
  const flush = (): void => {
    if (sending || waiting.length === 0 || pauseLeft() > 0) return;
    cancel?.();
    sending = true;
    void deliver(waiting.splice(0, MOST_AT_ONCE));
  };
  const deliver = async (events: Wire[]): Promise<void> => {
    const pauseMs = await post(events);
    sending = false;
    failures = pauseMs === null ? 0 : failures + 1;
    if (pauseMs !== null) {
      until = clock.monotonic() + Math.max(pauseMs, Math.min(everyMs * 2 ** failures, LONGEST_PAUSE_MS));
      waiting.unshift(...events);
      waiting.splice(0, waiting.length - MOST_WAITING);
    }
    if (waiting.length > 0) plan(everyMs);
  };
  /** Milliseconds to wait for before the next try; null when there is nothing to try again. */
  const post = async (events: readonly Wire[]): Promise<number | null> => {
    try {
      const response = await send(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", [CLIENT_HEADER]: CONTRACT },
        body: JSON.stringify({ events }),
        keepalive: true,
      });
      if (response.ok) return null;
      const { action, retryAfter } = await errorFrom(response);
      return action === "retry" ? (retryAfter ?? 0) * 1_000 : null;
    } catch {
      return 0;
    }
  };
  return {
    take: (report) => {
      if (filter && !filter(report)) return;
      waiting.push(wire(report));
      waiting.splice(0, waiting.length - MOST_WAITING);
      if (waiting.length >= MOST_AT_ONCE) flush();
      else if (waiting.length === 1 && !sending) plan(everyMs);
    },
    flush,
  };
}

/** One report as it is sent: `code` and `ms` are what spec/README.md says of its type. */
interface Wire {
  readonly type: Report["type"];
  readonly code?: string;
  readonly ms?: number;
}

/** Turns a report into what is sent of it: a name from a closed set, a code and a number. */
function wire(report: Report): Wire {
  const { type } = report;
  switch (report.type) {
    case "refreshed":
      return { type, code: report.outcome, ms: report.tookMs };
    case "refresh_failed":
      return { type, code: report.code, ms: report.retryInMs };
    case "request_retried":
      return { type, code: report.code };
    case "clock_skew":
      return { type, ms: report.offsetMs };
    case "wake":
      return { type, ms: report.sleptMs };
    case "signed_out":
      return report.reason === null ? { type } : { type, code: report.reason };
    case "alert":
      return report.ms === null ? { type, code: report.code } : { type, code: report.code, ms: report.ms };
    case "signed_in":
    case "adopted":
    case "lock_timeout":
      return { type };
  }
}
