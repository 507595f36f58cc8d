import { backoffDelay } from "../backoff.js";
import type { Client } from "../client.js";
import { type Clock, systemClock } from "../clock.js";
import type { EventSource as Target } from "../events.js";
import { page } from "../options.js";
import { sessionOf } from "../state.js";

/** "4401: the session does not stand, or a fresh access token is needed" (spec/README.md). */
const CLOSE_SESSION = 4401;
/** "4403: not allowed, and asking again will not help" (spec/README.md). */
const CLOSE_FORBIDDEN = 4403;
/** Longest pause between two tries, in milliseconds; what the clock can wait for in one go. */
const LONGEST_MS = 30_000;
/** `EventSource.CLOSED`: the browser will not try again by itself. */
const CLOSED = 2;

/** The part of `WebSocket` that is used. */
export interface SocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  readonly close: (code?: number) => void;
}

/** The part of `EventSource` that is used. */
export interface EventStreamLike {
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  readonly readyState: number;
  readonly addEventListener: (type: string, listener: (event: { readonly data: unknown }) => void) => void;
  readonly close: () => void;
}

/** What both kinds of connection may be given; everything from outside can be replaced in a test. */
export interface FollowOptions {
  /** Called whenever the connection has opened, also again: what happened before it was not heard. */
  readonly onOpen?: () => void;
  /** Where time comes from; the browser's. */
  readonly clock?: Clock;
  /** Numbers from 0 up to, not including, 1, for the jitter; `Math.random`. */
  readonly random?: () => number;
  /** Where `online` and `visibilitychange` are seen, which end a pause; `window`. Null for none. */
  readonly target?: Target | null;
}

/** Options of {@link liveSocket}. */
export interface LiveSocketOptions extends FollowOptions {
  /** Called with each message as it came: text, or what the browser makes of binary data. */
  readonly onMessage: (data: unknown) => void;
  /** Opens a WebSocket; the browser's. */
  readonly open?: (url: string) => SocketLike;
}

/** Options of {@link liveEvents}. */
export interface LiveEventsOptions extends FollowOptions {
  /** What to do with the text of an event, by its name. */
  readonly on: Readonly<Record<string, (data: unknown) => void>>;
  /** Opens an event stream; the browser's. */
  readonly open?: (url: string) => EventStreamLike;
}

/** Opens one connection, and returns what closes it; `closed` is called at most once with a WebSocket close code. */
type Connect = (opened: () => void, closed: (code: number) => void) => () => void;

/**
 * Keeps a WebSocket open for as long as somebody is signed in.
 *
 * It is opened with the session and closed with it. When the server closes it because of the session, the client asks
 * the server: an access token that is out of use is refreshed and the WebSocket opened again, and a session that is
 * over ends in every tab. When the connection is lost it is opened again after a growing pause of up to 30 s.
 *
 * @param url - absolute, or relative to the page; never with a credential in it.
 * @returns what ends it.
 */
export function liveSocket<User>(client: Client<User>, url: string, options: LiveSocketOptions): () => void {
  const open = options.open ?? ((address: string) => new WebSocket(address) as SocketLike);
  return follow(client, options, (opened, closed) => {
    const socket = open(url);
    socket.onopen = opened;
    socket.onmessage = ({ data }) => {
      options.onMessage(data);
    };
    socket.onclose = ({ code }) => {
      closed(code);
    };
    return () => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    };
  });
}

/**
 * Keeps a stream of server-sent events open for as long as somebody is signed in; see {@link liveSocket}.
 *
 * The last event of a session is `session_ended`. Where the browser gives up by itself, after a refusal for example, the
 * client asks the server what is the matter.
 */
export function liveEvents<User>(client: Client<User>, url: string, options: LiveEventsOptions): () => void {
  const open = options.open ?? ((address: string) => new EventSource(address) as EventStreamLike);
  return follow(client, options, (opened, closed) => {
    const stream = open(url);
    stream.onopen = opened;
    stream.onerror = () => {
      if (stream.readyState === CLOSED) closed(CLOSE_SESSION);
    };
    stream.addEventListener("session_ended", () => {
      closed(CLOSE_SESSION);
    });
    for (const [name, listener] of Object.entries(options.on))
      stream.addEventListener(name, ({ data }) => {
        listener(data);
      });
    return () => {
      stream.onopen = stream.onerror = null;
      stream.close();
    };
  });
}

function follow<User>(client: Client<User>, options: FollowOptions, connect: Connect): () => void {
  const { onOpen, clock = systemClock, random = Math.random, target = page } = options;
  let sessionId: string | null = null;
  let close: (() => void) | null = null;
  let cancelPause: (() => void) | null = null;
  let failures = 0;

  const open = (): void => {
    cancelPause?.();
    cancelPause = null;
    if (sessionId === null || close) return;
    const mine = connect(
      () => {
        failures = 0;
        onOpen?.();
      },
      (code) => {
        if (close !== mine) return;
        drop();
        if (code !== CLOSE_FORBIDDEN) void comeBack(code, sessionId);
      },
    );
    close = mine;
  };
  const drop = (): void => {
    close?.();
    close = null;
  };
  const comeBack = async (code: number, held: string | null): Promise<void> => {
    failures += 1;
    // The answer tells the client, which refreshes or ends the session as it would for any request.
    if (code === CLOSE_SESSION) await client.send("GET", "/session").catch(() => undefined);
    if (sessionId !== held || close || cancelPause) return;
    cancelPause = clock.after(Math.min(LONGEST_MS, backoffDelay(failures, null, random())), open);
  };
  const look = (): void => {
    const now = sessionOf(client.getSnapshot())?.sessionId ?? null;
    if (now === sessionId) return;
    sessionId = now;
    failures = 0;
    drop();
    open();
  };

  const unsubscribe = client.subscribe(look);
  const listening = new AbortController();
  const { signal } = listening;
  const wake = (): void => {
    if (cancelPause) open();
  };
  for (const name of ["online", "visibilitychange"]) target?.addEventListener(name, wake, { signal });
  look();
  return () => {
    unsubscribe();
    listening.abort();
    sessionId = null;
    cancelPause?.();
    cancelPause = null;
    drop();
  };
}
