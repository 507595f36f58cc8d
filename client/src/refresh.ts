import { attemptFor } from "./attempt.js";
import { type Core, emit, inTurn, isExpired, lastInput, pauseLeft, serverNow } from "./core.js";
import { failure, type SealringError } from "./errors.js";
import { accept, endedBy, fail, receive } from "./keep.js";
import { withLock } from "./lock.js";
import { isNewer, type Session } from "./session.js";

/** How long what another tab has told may take to arrive, in milliseconds. */
const NEWS_MS = 50;
/** Longest `idle_for` of the contract, in seconds. */
const LONGEST_IDLE = 31_536_000;

/**
 * Joins the refresh under way or begins one: one at a time, however many ask.
 *
 * @param insist - whether to try although the last failure's pause is not over; only because the user asked.
 * @param before - the session that is to be renewed: nothing is asked when a newer one has arrived meanwhile.
 * @returns the session held afterwards; rejects with a SealringError only, which need not be caught: the state tells.
 */
export function refresh(core: Core, insist = false, before = core.session): Promise<Session> {
  const { turns, failure: last } = core;
  const refused = last && !insist && !turns.has("refresh") && pauseLeft(core) > 0;
  const flight = refused ? Promise.reject(last) : inTurn(core, "refresh", () => run(core, before));
  flight.catch(() => undefined);
  return flight;
}

async function run(core: Core, before: Session | null): Promise<Session> {
  const { signal } = core.epoch;
  /** The session when somebody else has renewed it since. */
  const renewed = (): Session | null => {
    const { session } = core;
    return session && before && !isNewer(session, before) ? null : session;
  };
  const work = async (waited: boolean): Promise<Session> => {
    // What the other tab has to tell is on its way.
    if (waited) await new Promise<void>((resolve) => void core.clock.after(NEWS_MS, resolve));
    signal.throwIfAborted();
    const held = renewed();
    if (held && !isExpired(core)) return held;
    if (waited && core.failure && pauseLeft(core) > 0) throw core.failure;
    return send(core, signal);
  };
  if (core.state.status === "signed_out") throw failure("not_authenticated", { action: "sign_in" });
  try {
    return await withLock(core, signal, work);
  } catch (caught) {
    const error = caught as SealringError;
    if (signal.aborted) throw error;
    // Another tab has refreshed meanwhile: what it was told is newer than this refusal.
    const newer = renewed();
    if (newer) return newer;
    if (error.action === "sign_in") endedBy(core, error);
    // What another tab has failed with is known already.
    else if (error !== core.failure) fail(core, error);
    throw error;
  }
}

async function send(core: Core, signal: AbortSignal): Promise<Session> {
  const { session: before, clock } = core;
  const sentAt = clock.now();
  const leadMs = before && before.expiresAt - serverNow(core);
  const idleFor = Math.floor((serverNow(core) - lastInput(core)) / 1_000);
  const body = { attempt: attemptFor(core), idle_for: Math.min(idleFor, LONGEST_IDLE) };
  const answer = await receive(core, "POST", "/refresh", body, signal);
  signal.throwIfAborted();
  const session = accept(core, answer);
  emit(core, { type: "refreshed", outcome: answer.outcome, tookMs: clock.now() - sentAt, leadMs });
  return session;
}
