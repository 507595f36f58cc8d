import { failure, type SealringError } from "./errors.js";
import { type ClientEvent, type Listeners, tell } from "./events.js";
import type { ChannelPort } from "./channel.js";
import type { Settings } from "./options.js";
import { refreshDue, type Session, usableUntil } from "./session.js";
import { LOADING, type SessionState, type SignedOutReason, stateOf } from "./state.js";

/**
 * Everything that one client knows; the rest of this package are functions of it.
 *
 * `User` is only known to the application: in here it is `unknown`.
 */
export interface Core extends Settings {
  /** Where in the jitter's range this client refreshes: drawn once, so that it does not wander. */
  readonly jitter: number;
  readonly listeners: Listeners<ClientEvent>;
  readonly subscribers: Listeners<SessionState>;
  state: SessionState;
  session: Session | null;
  /** Why nobody is signed in; undefined as long as nothing is known. */
  reason?: SignedOutReason | null;
  /** Why the server could not be asked the last time; null after a success. */
  failure: SealringError | null;
  /** Failures in a row, of all tabs. */
  failures: number;
  /** Until when nothing is to be asked of the server, by the machine's clock. */
  until: number;
  /** What to add to the machine's time to get the server's, in milliseconds. */
  offsetMs: number;
  /**
   * Aborted, with the error `superseded`, when who is signed in changes.
   *
   * Whatever begins takes its signal along; when it comes back to find it aborted, a login or logout has come
   * between, and its result is dropped. So an answer that arrives after a logout cannot bring the session back.
   */
  epoch: AbortController;
  /** How many logouts there have been here; a login that sees it rise has been overtaken. */
  logouts: number;
  /** Whether no request has been accepted since the login here. */
  untested?: boolean;
  /** Calls to the server under way or waiting, by what they are. */
  readonly turns: Map<unknown, Promise<unknown>>;
  /** Settles when the last of them has; never rejects. */
  gate: Promise<unknown>;
  /** The way to the other tabs, while the client runs. */
  port?: ChannelPort | null;
  /** Works out again what is due, while the client runs. */
  replan?: (() => void) | undefined;
}

/** Makes what a client begins with; nothing is listened to and nothing asked yet. */
export function createCore(settings: Settings): Core {
  return {
    ...settings,
    jitter: settings.random(),
    listeners: new Set(),
    subscribers: new Set(),
    state: LOADING,
    session: null,
    failure: null,
    failures: 0,
    until: 0,
    offsetMs: 0,
    epoch: new AbortController(),
    logouts: 0,
    turns: new Map(),
    gate: Promise.resolve(),
  };
}

/** The server's time as this client knows it: milliseconds since the epoch; the machine's until the first answer. */
export function serverNow({ clock, offsetMs }: Core): number {
  return clock.now() + offsetMs;
}

/** Whether the access token has expired, or will have when a request sent now arrives. */
export function isExpired(core: Core): boolean {
  return core.session !== null && serverNow(core) >= usableUntil(core.session);
}

/** Milliseconds until the next refresh of a session is due, 0 or less when it is. */
export function dueIn(core: Core, session: Session): number {
  return refreshDue(session, core.jitter, lastInput(core)) - serverNow(core);
}

/** Milliseconds until the next try is welcome after a failure, 0 or less when it is. */
export function pauseLeft({ until, clock }: Core): number {
  return until - clock.now();
}

/** Input is noted at most this often, in milliseconds: what is known of the last input is right to within it. */
const NOTE_EVERY_MS = 5_000;

/** Notes input now. */
export function touch(core: Core): void {
  const { clock, notes } = core;
  const now = clock.now();
  if (Math.abs(now - +notes.get("input")) < NOTE_EVERY_MS) return;
  notes.set("input", `${now}`);
  core.replan?.();
}

/** The last input in any tab, by the server's clock. */
export function lastInput({ clock, notes, offsetMs }: Core): number {
  const now = clock.now();
  const noted = +notes.get("input");
  // Loading a page is no input, since pages reload by themselves; only a browser that has seen none counts from now.
  // So does one whose clock was set back: else the user would count as active until the time of the note.
  const known = noted > 0 && noted <= now;
  if (!known) notes.set("input", `${now}`);
  return (known ? noted : now) + offsetMs;
}

/** Works out the state and what is due; tells of the state when it changed. */
export function update(core: Core): void {
  const { state, turns, subscribers } = core;
  const next = stateOf(core, turns.has("refresh"), isExpired(core));
  if (!same(state, next)) tell(subscribers, (core.state = next));
  core.replan?.();
}

/** Whether two values say the same. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Tells the listeners what happened. */
export function emit(core: Core, event: ClientEvent): void {
  tell(core.listeners, event);
}

/** Begins the next epoch: synchronously, at once. */
export function nextEpoch(core: Core): void {
  const over = core.epoch;
  core.epoch = new AbortController();
  over.abort(failure("superseded"));
}

/**
 * Runs `work` when all such work before it is done, or joins the same work that is under way or waiting.
 *
 * Refreshes, logins and logouts change cookies, and the browser keeps the last answer: so they go one by one.
 *
 * @param kind - what tells the same work.
 */
export function inTurn<Result>(core: Core, kind: unknown, work: () => Promise<Result>): Promise<Result> {
  const { turns, gate } = core;
  const begin = (): Promise<Result> => {
    const mine = gate.then(work).finally(() => {
      turns.delete(kind);
      update(core);
    });
    turns.set(kind, mine);
    core.gate = mine.catch(() => undefined);
    update(core);
    return mine;
  };
  return (turns.get(kind) as Promise<Result> | undefined) ?? begin();
}
