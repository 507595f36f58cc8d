import type { Core } from "./core.js";
import { answerInvalid, notSignedIn, SealringError, superseded } from "./errors.js";
import type { Keeper } from "./keeper.js";
import { isExpired, isOlder, type Session } from "./session.js";
import { reasonFor } from "./state.js";

/**
 * Milliseconds for a refresh, whole round trip. The server's grace (20 s) must exceed it, so that an answer that came
 * too late can still be asked for again.
 */
export const REFRESH_TIMEOUT_MS = 10_000;

/** Refreshes the session: one refresh at a time, however many ask. */
export interface Refresher<User> {
  /** The refresh under way, or null. */
  readonly running: () => Promise<Session<User>> | null;
  /**
   * Joins the refresh under way or begins one.
   *
   * @param insist - whether to try although the last failure's pause is not over; only because the user asked.
   * @returns the session held afterwards; rejects with a SealringError only.
   */
  readonly refresh: (insist?: boolean) => Promise<Session<User>>;
  /** Notes that the server could not be asked, and begins the pause that all tabs keep. */
  readonly failed: (error: SealringError) => void;
  /** Shows that the access token has expired while the refresh keeps failing. */
  readonly showExpiry: () => void;
}

/** Makes the {@link Refresher} of a client. */
export function createRefresher<User>(core: Core<User>, keeper: Keeper<User>): Refresher<User> {
  const { store, events, epoch, gate, backoff, attempts, activity, transport, time, channel, settings } =
    core;
  let flight: Promise<Session<User>> | null = null;

  const post = async (started: AbortSignal): Promise<Session<User>> => {
    const before = keeper.session();
    const sentAt = settings.clock.now();
    const leadMs = before && before.expiresAt - time.now();
    const answer = await transport.ask({
      method: "POST",
      path: "/refresh",
      body: { attempt: attempts.current(before), idle_for: activity.idleFor() },
      timeoutMs: REFRESH_TIMEOUT_MS,
      signal: started,
    });
    if (started.aborted) throw superseded();
    const kept = keeper.accept(answer);
    // What is behind the session that is held renews nothing: without a pause it would be asked for in a loop.
    if (isOlder(answer.session, kept) && keeper.dueInMs(kept) <= 0) throw answerInvalid(200);
    const tookMs = settings.clock.now() - sentAt;
    events.emit({ type: "refreshed", outcome: answer.outcome, tookMs, leadMs });
    return kept;
  };

  const run = async (): Promise<Session<User>> => {
    const asked = keeper.renewals();
    await gate.idle();
    const held = keeper.session();
    if (held !== null && keeper.renewals() !== asked) return held;
    if (store.get().status === "signed_out") throw notSignedIn();
    const started = epoch.current();
    store.apply({ kind: "refresh_started" });
    try {
      return await post(started);
    } catch (error) {
      if (started.aborted || !(error instanceof SealringError)) throw error;
      const newer = keeper.renewals() === asked ? null : keeper.session();
      // Another tab has refreshed meanwhile: what it was told is newer than this refusal.
      if (newer !== null) return newer;
      if (error.action === "sign_in") endedBy(error);
      else failed(error);
      throw error;
    } finally {
      store.apply({ kind: "refresh_dropped" });
    }
  };

  const endedBy = (error: SealringError): void => {
    // Without a session of ours to name, the others find out by themselves: theirs may be a newer one.
    if (keeper.session()) keeper.endForAll(reasonFor(error, true));
    else keeper.end(reasonFor(error, false));
  };

  const failed = (error: SealringError): void => {
    const pause = backoff.failed(error);
    channel.post({ kind: "pause", pause, code: error.code, status: error.status });
    const { code } = error;
    events.emit({ type: "refresh_failed", code, failures: pause.failures, retryInMs: pause.forMs });
    const held = keeper.session();
    store.apply({ kind: "failed", error, expired: held !== null && isExpired(held, time.now()) });
  };

  return {
    running: () => flight,
    failed,
    refresh: (insist = false) => {
      if (flight) return flight;
      const last = backoff.lastError();
      if (last !== null && !insist && backoff.remainingMs() > 0) return Promise.reject(last);
      const mine = run().finally(() => {
        flight = null;
        core.replan.emit(undefined);
      });
      flight = mine;
      // Whoever waits hears of a failure; when nobody does, the state has already told.
      mine.catch(() => undefined);
      return mine;
    },
    showExpiry: () => {
      const held = keeper.session();
      const error = backoff.lastError();
      if (held === null || error === null || !isExpired(held, time.now())) return;
      store.apply({ kind: "failed", error, expired: true });
    },
  };
}
