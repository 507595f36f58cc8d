import type { Core } from "./core.js";
import type { SealringError } from "./errors.js";
import { isOlder, refreshDue, type Session } from "./session.js";
import { answered, ended, reasonFor, sessionOf, type SignedOutReason } from "./state.js";
import type { Received } from "./transport.js";

/** A change of the offset that is worth telling, in milliseconds. */
const SKEW_MS = 2_000;

/** The only way that a session comes into the state and leaves it. */
export interface Keeper<User> {
  readonly session: () => Session<User> | null;
  /** Rises whenever the browser's cookies were renewed, here or in another tab. */
  readonly renewals: () => number;
  /**
   * Takes over an answer of the server and tells the other tabs.
   *
   * @returns what is held afterwards: the answer, or something newer.
   */
  readonly accept: (answer: Received<User>) => Session<User>;
  /** Why the session is over, by the error that says so; an own login that was never seen to work is `unsupported`. */
  readonly reason: (error: SealringError) => SignedOutReason | null;
  /** A request with the session's cookies was accepted: the browser keeps them. */
  readonly worked: () => void;
  /** Takes over what another tab was told. */
  readonly adopt: (session: Session<User>, opened: boolean) => void;
  /** Ends the session in this tab: at once, whatever is under way. */
  readonly end: (reason: SignedOutReason | null, remote?: boolean) => void;
  /** Ends the session in this tab and, for the reason `others`, in all others. */
  readonly endForAll: (reason: SignedOutReason | null, others?: SignedOutReason | null) => void;
  /** Milliseconds until the next refresh is due, 0 or less when it is. */
  readonly dueInMs: (session: Session<User>) => number;
}

/** Makes the {@link Keeper} of a client. */
export function createKeeper<User>(core: Core<User>): Keeper<User> {
  const { store, epoch, time, attempts, channel, events, activity, settings } = core;
  let renewals = 0;
  let untested = false;
  let toldOffsetMs = 0;

  const session = (): Session<User> | null => sessionOf(store.get());

  const take = (fresh: Session<User>, opened: boolean): void => {
    const held = session();
    // Somebody else is signed in from here on: what began for the one before must not touch this session.
    if (opened || (held && held.sessionId !== fresh.sessionId)) epoch.next();
    core.backoff.succeeded();
    store.set(answered(store.get(), fresh));
    core.replan();
  };
  const end = (reason: SignedOutReason | null, remote = false): void => {
    epoch.next();
    store.set(ended(store.get(), reason));
    events.emit({ type: "signed_out", reason, remote });
    core.replan();
  };

  return {
    session,
    end,
    renewals: () => renewals,
    accept: ({ session: fresh, outcome, sample }) => {
      time.learn(sample);
      const { offsetMs } = time.sample();
      if (Math.abs(offsetMs - toldOffsetMs) > SKEW_MS) {
        toldOffsetMs = offsetMs;
        events.emit({ type: "clock_skew", offsetMs });
      }
      const held = session();
      if (held !== null && isOlder(fresh, held)) return held;
      if (outcome !== "current") renewals += 1;
      const opened = outcome === "opened";
      untested = opened;
      const attempt = attempts.current(fresh);
      take(fresh, opened);
      channel.post({ kind: "session", session: fresh, sample, attempt, opened });
      return session() ?? fresh;
    },
    reason: (error) => {
      const reason = reasonFor(error, session() !== null);
      return untested && reason === "signed_out_elsewhere" ? "unsupported" : reason;
    },
    worked: () => {
      untested = false;
    },
    adopt: (fresh, opened) => {
      const held = session();
      if (held !== null && isOlder(fresh, held)) return;
      // An answer to somebody else's question, which says nothing new: above all not that the server is well.
      const known = held?.sessionId === fresh.sessionId && held.generation === fresh.generation;
      if (known && fresh.answeredAt <= held.answeredAt) return;
      if (held?.generation !== fresh.generation || held.expiresAt < fresh.expiresAt) {
        renewals += 1;
        events.emit({ type: "adopted", generation: fresh.generation });
      }
      take(fresh, opened);
    },
    endForAll: (reason, others = reason) => {
      channel.post({ kind: "ended", sessionId: session()?.sessionId ?? null, reason: others });
      end(reason);
    },
    dueInMs: (held) => {
      // The last input is known by this machine's clock; everything about the session by the server's.
      const toServer = time.now() - settings.clock.now();
      const lastInputAt = activity.lastInputAt() + toServer;
      return refreshDue(held, { jitter: core.jitter, lastInputAt }) - time.now();
    },
  };
}
