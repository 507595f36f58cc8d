import { createCore } from "./core.js";
import { superseded } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { createInquiry } from "./inquiry.js";
import { createKeeper } from "./keeper.js";
import { createLifecycle } from "./lifecycle.js";
import { createLogout } from "./logout.js";
import { type ClientOptions, withDefaults } from "./options.js";
import { createRefresher } from "./refresher.js";
import { createRequests } from "./requests.js";
import type { Session } from "./session.js";
import { LOADING, type SessionState } from "./state.js";
import { createTransport, type Fetch } from "./transport.js";

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
  /**
   * `fetch` with the session: for the own origin it waits for a refresh where the access token has expired, and after
   * a refusal with the action `refresh` it refreshes and sends the request once more. Requests to other origins pass
   * through untouched.
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
   * @returns when the server has ended the session. Rejects when it could not be told after four tries; it is then told
   *   at the next wake-up or page load, and until then nobody is shown as signed in.
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

/** Milliseconds for a login, and for a call that may have to refresh first. */
const TIMEOUT_MS = 30_000;

/**
 * Makes a client; it does nothing until `start`.
 *
 * @typeParam User - what the application's server sends as `user`; taken as it comes.
 */
export function createClient<User = unknown>(options: ClientOptions = {}): Client<User> {
  const settings = withDefaults(options);
  const core = createCore<User>(settings);
  const { store, epoch, gate, transport } = core;
  const keeper = createKeeper(core);
  const refresher = createRefresher(core, keeper);
  const inquiry = createInquiry(core, keeper, refresher);
  const logout = createLogout(core, keeper);
  const requests = createRequests(core, keeper, refresher);
  const { start, dispose } = createLifecycle(core, { keeper, refresher, inquiry, logout });
  const authorized = createTransport(settings, requests);

  const signIn = async (credentials: Credentials, overtaken: () => boolean): Promise<Session<User>> => {
    if (overtaken()) throw superseded();
    epoch.next();
    const answer = await transport.ask({
      method: "POST",
      path: "/login",
      body: credentials,
      timeoutMs: TIMEOUT_MS,
    });
    // The logout's own request follows and ends the session that has just been opened.
    if (overtaken()) throw superseded();
    logout.settled();
    core.activity.touch();
    core.events.emit({ type: "signed_in" });
    return keeper.accept(answer);
  };

  return {
    start,
    dispose,
    getSnapshot: store.get,
    getServerSnapshot: () => LOADING,
    subscribe: store.subscribe,
    onEvent: core.events.listen,
    now: core.time.now,
    fetch: requests,
    refresh: () => refresher.refresh(true),
    logout: logout.logout,
    login: (credentials) => {
      const asked = logout.count();
      const opening = gate.run(() => signIn(credentials, () => logout.count() !== asked));
      return opening.finally(() => core.replan());
    },
    send: (method, path) => authorized.send({ method, path, timeoutMs: TIMEOUT_MS }),
    forget: (sessionId) => {
      if (keeper.session()?.sessionId === sessionId) keeper.endForAll("signed_out", "signed_out_elsewhere");
    },
  };
}
