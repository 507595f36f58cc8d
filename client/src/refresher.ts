import type { Core } from "./core.js";
import { answerInvalid, SealringError } from "./errors.js";
import { createFlight } from "./flight.js";
import type { Keeper } from "./keeper.js";
import { isExpired, isOlder, type Session } from "./session.js";
import { withLock } from "./lock.js";
import { failed, refreshing } from "./state.js";

/**
 * Milliseconds for a refresh, whole round trip. The server's grace (20 s) must exceed it, so that an answer that came
 * too late can still be asked for again.
 */
export const REFRESH_TIMEOUT_MS = 10_000;

/** How long another tab may refresh: a little longer than it would itself wait for the server. */
const LOCK_DEADLINE_MS = 11_000;
/** How long the other tabs have to say what they know. */
const ASK_MS = 50;

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
  const { store, events, epoch, gate, backoff, time, settings } = core;

  const post = async (signal: AbortSignal): Promise<Session<User>> => {
    const before = keeper.session();
    const sentAt = settings.clock.now();
    const leadMs = before && before.expiresAt - time.now();
    const answer = await core.transport.ask({
      method: "POST",
      path: "/refresh",
      body: { attempt: core.attempts.current(before), idle_for: core.activity.idleFor() },
      timeoutMs: REFRESH_TIMEOUT_MS,
      signal,
    });
    signal.throwIfAborted();
    const kept = keeper.accept(answer);
    // What is behind the session that is held renews nothing: without a pause it would be asked for in a loop.
    if (isOlder(answer.session, kept) && keeper.dueInMs(kept) <= 0) throw answerInvalid();
    const tookMs = settings.clock.now() - sentAt;
    events.emit({ type: "refreshed", outcome: answer.outcome, tookMs, leadMs });
    return kept;
  };

  /** Refreshes, unless the other tabs turn out to have done so. */
  const attend = async (
    waited: boolean,
    renewed: () => Session<User> | null,
    signal: AbortSignal,
  ): Promise<Session<User>> => {
    signal.throwIfAborted();
    if (waited || !keeper.session()) {
      core.channel.post({ kind: "ask" });
      await new Promise<void>((resolve) => {
        settings.clock.after(ASK_MS, resolve);
      });
      signal.throwIfAborted();
      const held = renewed();
      if (held && !isExpired(held, time.now())) return held;
      const last = backoff.lastError();
      if (waited && last && backoff.remainingMs() > 0) throw last;
    }
    return post(signal);
  };

  const run = async (): Promise<Session<User>> => {
    const asked = keeper.renewals();
    /** The session when somebody else has renewed it since this was asked. */
    const renewed = (): Session<User> | null => (keeper.renewals() === asked ? null : keeper.session());
    await gate.idle();
    const held = renewed();
    if (held) return held;
    if (store.get().status === "signed_out") throw notSignedIn();
    const started = epoch.current();
    store.set(refreshing(store.get(), true));
    try {
      return await withLock({
        locks: settings.locks,
        name: `sealring:${settings.name}:refresh`,
        clock: settings.clock,
        deadlineMs: LOCK_DEADLINE_MS,
        signal: started,
        work: (waited) => attend(waited, renewed, started),
        late: () => events.emit({ type: "lock_timeout" }),
      });
    } catch (caught) {
      if (started.aborted) throw caught;
      // Another tab has refreshed meanwhile: what it was told is newer than this refusal.
      const newer = renewed();
      if (newer) return newer;
      const error = caught as SealringError;
      if (error.action === "sign_in") endedBy(error);
      // What another tab has failed with is known already.
      else if (error !== backoff.lastError()) note(error);
      throw error;
    } finally {
      store.set(refreshing(store.get(), false));
    }
  };

  const endedBy = (error: SealringError): void => {
    // Without a session of ours to name, the others find out by themselves: theirs may be a newer one.
    const reason = keeper.reason(error);
    if (keeper.session()) keeper.endForAll(reason);
    else keeper.end(reason);
  };

  const show = (error: SealringError): void => {
    const held = keeper.session();
    store.set(failed(store.get(), error, held !== null && isExpired(held, time.now())));
  };

  const note = (error: SealringError): void => {
    const pause = backoff.failed(error);
    const { code, status } = error;
    core.channel.post({ kind: "pause", pause, code, status });
    events.emit({ type: "refresh_failed", code, failures: pause.failures, retryInMs: pause.forMs });
    show(error);
  };

  const { running, join } = createFlight(run, () => core.replan());

  return {
    running,
    failed: note,
    refresh: (insist = false) => {
      const last = backoff.lastError();
      if (!running() && last && !insist && backoff.remainingMs() > 0) return Promise.reject(last);
      const flight = join();
      // Whoever waits hears of a failure; when nobody does, the state has already told.
      flight.catch(() => undefined);
      return flight;
    },
    showExpiry: () => {
      const error = backoff.lastError();
      if (error) show(error);
    },
  };
}

/** The error of a call that needs a session when nobody is signed in; the server was not asked. */
function notSignedIn(): SealringError {
  const details = { code: "not_authenticated", action: "sign_in", status: 0 } as const;
  return new SealringError("Nobody is signed in.", details);
}
