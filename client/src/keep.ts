import { attemptFor } from "./attempt.js";
import { backoffDelay } from "./backoff.js";
import type { Message } from "./channel.js";
import { type Core, emit, nextEpoch, same, update } from "./core.js";
import { answerInvalid, type SealringError } from "./errors.js";
import { type Answer, isNewer, isOlder, readAnswer, type Session } from "./session.js";
import { reasonFor, type SignedOutReason } from "./state.js";
import { call } from "./transport.js";

/** A change of the offset that is worth telling, in milliseconds. */
const SKEW_MS = 2_000;

/**
 * Makes a call that is answered with a session, and takes nothing over yet but the time; rejects with a SealringError
 * only.
 */
export async function receive(...request: Parameters<typeof call>): Promise<Answer> {
  const [core] = request;
  const { clock } = core;
  const sentAt = clock.now();
  const answer = readAnswer(await call(...request));
  // The server read its clock at some moment between sending and receiving: half-way is right to within half of it.
  const halfMs = (clock.now() - sentAt) / 2;
  learn(core, answer.session.answeredAt - sentAt - halfMs, halfMs);
  return answer;
}

/**
 * Takes over an answer of the server and tells the other tabs.
 *
 * @returns what is held afterwards.
 * @throws SealringError `answer_invalid` when the answer is behind what is held.
 */
export function accept(core: Core, { session, outcome }: Answer): Session {
  if (isOlder(session, core.session)) throw answerInvalid();
  const opened = (core.untested = outcome === "opened");
  // A refresh token came along. Noted before the others hear of it.
  if (outcome !== "current") attemptFor(core, session.sessionId, session.generation);
  core.port?.postMessage({ news: { session, opened, offsetMs: core.offsetMs } } satisfies Message);
  take(core, session, opened);
  return core.session ?? session;
}

/** Takes over what another tab was told. */
export function adopt(core: Core, { session, opened, offsetMs }: NonNullable<Message["news"]>): void {
  const { session: held } = core;
  const newer = !held || isNewer(session, held);
  if (isOlder(session, held) || (!newer && session.answeredAt <= held.answeredAt)) return;
  learn(core, offsetMs, 0);
  if (newer) emit(core, { type: "adopted", generation: session.generation });
  take(core, session, opened);
}

function take(core: Core, fresh: Session, opened: boolean): void {
  const { session: held } = core;
  // Somebody else is signed in from here on: what began for the one before must not touch this session.
  if (opened || (held && held.sessionId !== fresh.sessionId)) nextEpoch(core);
  // A login has taken the place of the session that was to be signed out.
  if (opened) core.notes.set("logout", "");
  core.failures = core.until = 0;
  core.failure = null;
  // What depends on the user only (a memo, a list of its rights) is not worked out again after each refresh.
  core.session = held && same(held.user, fresh.user) ? { ...fresh, user: held.user } : fresh;
  update(core);
}

/** Ends the session in this tab: at once, whatever is under way. */
export function end(core: Core, reason: SignedOutReason | null, remote = false): void {
  nextEpoch(core);
  core.session = null;
  core.reason = reason;
  update(core);
  emit(core, { type: "signed_out", reason, remote });
}

/** Ends the session in this tab and in all others. */
export function endForAll(core: Core, reason: SignedOutReason | null): void {
  core.port?.postMessage({ ended: { sessionId: core.session?.sessionId, reason } } satisfies Message);
  end(core, reason);
}

/** Ends the session that the server says is over. */
export function endedBy(core: Core, { code }: SealringError): void {
  const { session, untested } = core;
  // A login that was never seen to work is one whose cookies the browser did not keep.
  const reason = reasonFor(code, session && (untested ? "unsupported" : "signed_out_elsewhere"));
  // Without a session of ours to name, the others find out by themselves: theirs may be a newer one.
  (session ? endForAll : end)(core, reason);
}

/** How much longer than the tab that failed the others wait, at least, in milliseconds; at most twice that. */
const AFTER_OTHERS_MS = 1_000;

/** Notes that the server could not be asked, and begins the pause that all tabs keep. */
export function fail(core: Core, error: SealringError): void {
  const { clock, random } = core;
  const failures = (core.failures += 1);
  const retryInMs = backoffDelay(failures, error.retryAfter, random());
  core.failure = error;
  core.until = clock.now() + retryInMs;
  const until = core.until + (1 + random()) * AFTER_OTHERS_MS;
  core.port?.postMessage({ trouble: { error: Object.assign({}, error), failures, until } } satisfies Message);
  emit(core, { type: "refresh_failed", code: error.code, failures, retryInMs });
  update(core);
}

/**
 * Takes one more comparison of the clocks into account: one that does not contradict what is known says nothing new.
 *
 * @param offsetMs - what to add to the machine's time to get the server's, right to within `errorMs`.
 */
function learn(core: Core, offsetMs: number, errorMs: number): void {
  const change = Math.abs(offsetMs - core.offsetMs);
  if (change <= errorMs) return;
  core.offsetMs = offsetMs;
  if (change > SKEW_MS) emit(core, { type: "clock_skew", offsetMs });
}
