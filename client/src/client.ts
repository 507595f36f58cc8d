import { createCore, lastInput, serverNow } from "./core.js";
import { type ClientEvent, listen } from "./events.js";
import { endForAll } from "./keep.js";
import { run } from "./lifecycle.js";
import { type ClientOptions, withDefaults } from "./options.js";
import { refresh } from "./refresh.js";
import { request } from "./requests.js";
import type { Session } from "./session.js";
import { login, logout } from "./sign.js";
import { LOADING, type SessionState } from "./state.js";
import { call, type Fetch } from "./transport.js";

/** What the application's login asks for, for example `{ email, password, remember }`; sent as JSON. */
export type Credentials = Readonly<Record<string, unknown>>;

/**
 * One browser tab's client.
 *
 * Every member is a function of its own, so it may be passed about without the object. Those that call the server
 * reject with a {@link SealringError} only, except `fetch`.
 */
export interface Client<User = unknown> {
  /** Begins: asks who is signed in, refreshes on time, listens to other tabs. Does nothing when begun. */
  readonly start: () => void;
  /** Ends that, and can be begun again. Calls under way are finished. Does nothing when ended. */
  readonly dispose: () => void;
  /** The state: the same object until something changes. */
  readonly getSnapshot: () => SessionState<User>;
  /** The state that a server renders: always `loading`. */
  readonly getServerSnapshot: () => SessionState<User>;
  /** Calls `listener` after each change of the state, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Calls `listener` with what happens, for logs and measurements, until the returned function is called. */
  readonly onEvent: (listener: (event: ClientEvent) => void) => () => void;
  /** The server's time as this client knows it: milliseconds since the epoch. */
  readonly now: () => number;
  /** When the user was last active in any tab, by the server's clock; what the idle end is counted from. */
  readonly lastInput: () => number;
  /**
   * `fetch` with the session: for the own origin and the listed ones it waits for a refresh where the access token has
   * expired, and after a refusal with the action `refresh` it refreshes and sends the request once more. Requests to
   * other origins pass through untouched, and what another host answers after a redirect is left alone.
   *
   * @returns the answer, whatever its status.
   * @throws what `fetch` does, and a {@link SealringError} with action `retry` when the request needs a refresh that
   *   the server cannot give now, or was overtaken by a login or logout.
   */
  readonly fetch: Fetch;
  /** Signs in; a session that this browser had is ended by it. Waits for a logout under way. */
  readonly login: (credentials: Credentials) => Promise<Session<User>>;
  /**
   * Signs out: here and in the other tabs at once.
   *
   * @returns when the server has ended the session. Rejects when it could not be told; it is then told again and again,
   *   with growing pauses and after a reload too, and until then nobody is shown as signed in.
   */
  readonly logout: () => Promise<void>;
  /** Refreshes now, as for "stay signed in"; joins a refresh under way. */
  readonly refresh: () => Promise<Session<User>>;
  /**
   * Calls a session endpoint as `fetch` would, for example `send("GET", "/sessions")`; `sealring/account` is made of it.
   *
   * @param path - below `basePath`.
   * @returns the body as JSON, undefined when it is none.
   */
  readonly send: (method: "GET" | "POST" | "DELETE", path: string) => Promise<unknown>;
  /** Shows a session as signed out, here and in the other tabs, after an answer has said that the server ended it. */
  readonly forget: (sessionId: string) => void;
}

/**
 * Makes a client; it does nothing until `start`.
 *
 * @typeParam User - what the application's server sends as `user`; taken as it comes.
 */
export function createClient<User = unknown>(options: ClientOptions = {}): Client<User> {
  const core = createCore(withDefaults(options));
  const requests: Fetch = (input, init) => request(core, input, init);
  let stop: (() => void) | null = null;
  const client: Client = {
    start: () => {
      stop ??= run(core);
    },
    dispose: () => {
      stop?.();
      stop = null;
    },
    getSnapshot: () => core.state,
    getServerSnapshot: () => LOADING,
    subscribe: (listener) => listen(core.subscribers, listener),
    onEvent: (listener) => listen(core.listeners, listener),
    now: () => serverNow(core),
    lastInput: () => lastInput(core),
    fetch: requests,
    refresh: () => refresh(core, true),
    login: (credentials) => login(core, credentials),
    logout: () => logout(core),
    send: (method, path) => call(core, method, path, undefined, undefined, requests),
    forget: (sessionId) => {
      if (core.session?.sessionId === sessionId) endForAll(core, "signed_out");
    },
  };
  // What `user` is, only the application knows.
  return client as Client<User>;
}
