import type { Client } from "../client.js";
import { type Clock, systemClock } from "../clock.js";
import { type EventSource, tell } from "../events.js";
import { idleEndOf } from "../idle.js";
import { sessionOf } from "../state.js";
import type { Report, Sink } from "./report.js";
import { alert, createRules, type Limits, LIMITS } from "./rules.js";

/** How a client is watched. */
export interface MonitorOptions {
  /** Where events and alerts go: each to all of them. */
  readonly sinks: readonly Sink[];
  /** Limits of the alert rules that differ from {@link LIMITS}. */
  readonly limits?: Partial<Limits>;
  /** Tells the time; the machine's by default. */
  readonly clock?: Clock;
  /** Where the page says that it goes away; `window` by default, and null for nowhere. */
  readonly target?: EventSource | null;
}

/** Longest single wait, in milliseconds: input in other tabs moves what is waited for. */
const LONGEST_WAIT_MS = 30_000;

/** A page that may go away, and with it whatever a sink has kept back. */
const LEAVING = ["visibilitychange", "pagehide"];

/**
 * Watches a client: hands its events, and the alerts that follow from them, to sinks.
 *
 * Begin it before the client starts, so that nothing is missed.
 *
 * @returns what ends it; the sinks are flushed.
 */
export function monitor<User>(client: Client<User>, options: MonitorOptions): () => void {
  const { sinks, limits, clock = systemClock, target = globalThis.window } = options;
  const rules = { ...LIMITS, ...limits };
  const judge = createRules(rules);
  const takers = new Set(sinks.map((sink) => sink.take));
  const report = (what: Report): void => {
    tell(takers, what);
  };
  const flush = (): void => {
    for (const sink of sinks) sink.flush?.();
  };
  const stopEnding = watchEnd(client, clock, rules.soonMs, (ms) => {
    report(alert("ends_soon", ms));
  });
  const stopEvents = client.onEvent((event) => {
    report(event);
    for (const each of judge(event, sessionOf(client.getSnapshot()), clock.monotonic())) report(each);
  });
  const life = new AbortController();
  for (const name of LEAVING) target?.addEventListener(name, flush, { signal: life.signal });
  return () => {
    stopEvents();
    stopEnding();
    life.abort();
    flush();
  };
}

/** Calls `soon` once for each approach of the session's end; again only after the end has moved away. */
function watchEnd<User>(client: Client<User>, clock: Clock, soonMs: number, soon: (ms: number) => void) {
  let cancel: (() => void) | undefined;
  let told = false;
  const look = (): void => {
    cancel?.();
    const session = sessionOf(client.getSnapshot());
    if (!session) {
      told = false;
      return;
    }
    const end = Math.min(session.endsAt, idleEndOf(session, client.lastInput()));
    const left = end - client.now();
    const near = left <= soonMs;
    if (near && !told) soon(left);
    told = near;
    cancel = clock.after(near ? LONGEST_WAIT_MS : Math.min(left - soonMs, LONGEST_WAIT_MS), look);
  };
  const stop = client.subscribe(look);
  look();
  return () => {
    stop();
    cancel?.();
  };
}
