import { backoffDelay } from "./backoff.js";
import type { Core } from "./core.js";
import type { SealringError } from "./errors.js";
import { createFlight } from "./flight.js";
import type { Keeper } from "./keeper.js";

const TRIES = 4;
const TIMEOUT_MS = 10_000;
/** A login waits for the logout before it: a server that asks for a longer wait gets it by the next wake-up. */
const LONGEST_WAIT_MS = 10_000;

/** Signs out: here and in the other tabs at once, at the server as soon as it can be reached. */
export interface Logout {
  /** How many logouts there have been; a login that sees it rise has been overtaken. */
  readonly count: () => number;
  /** Whether the server has not heard of the last logout yet. */
  readonly pending: () => boolean;
  /**
   * Signs out.
   *
   * @returns when the server has ended the session; rejects with a SealringError when it could not be told.
   */
  readonly logout: () => Promise<void>;
  /** Tells the server of a logout that it has not heard of; never rejects. */
  readonly deliver: () => Promise<void>;
  /** A login has taken the session's place: there is nothing to deliver any more. */
  readonly settled: () => void;
}

/**
 * Makes the {@link Logout} of a client.
 *
 * That a logout is to be delivered is noted in the storage before it is sent. So a session whose logout was lost,
 * with the network or with the page, does not come back with the next page: that one delivers it first.
 */
export function createLogout<User>(core: Core<User>, keeper: Keeper<User>): Logout {
  const { events, gate, transport, settings } = core;
  const { storage, clock, random } = settings;
  const key = `sealring:${settings.name}:logout`;
  let count = 0;

  const pending = (): boolean => storage.getItem(key) !== null;
  const settled = (): void => storage.removeItem(key);

  const attempt = async (tries: number): Promise<void> => {
    try {
      await transport.send({ method: "POST", path: "/logout", timeoutMs: TIMEOUT_MS, keepalive: true });
    } catch (caught) {
      const error = caught as SealringError;
      // A session that the server does not know either is over.
      if (error.action !== "sign_in") return again(error, tries);
    }
    settled();
  };

  const again = async (error: SealringError, tries: number): Promise<void> => {
    const delay = backoffDelay(tries, error.retryAfter, random());
    const retryInMs = error.action === "retry" && tries < TRIES && delay <= LONGEST_WAIT_MS ? delay : null;
    events.emit({ type: "logout_failed", code: error.code, retryInMs });
    if (retryInMs === null) throw error;
    await new Promise<void>((resolve) => {
      clock.after(retryInMs, resolve);
    });
  };

  const send = async (): Promise<void> => {
    for (let tries = 1; pending(); tries += 1) await attempt(tries);
  };
  const { join } = createFlight(() => gate.run(send));

  return {
    count: () => count,
    pending,
    settled,
    logout: () => {
      count += 1;
      storage.setItem(key, "1");
      keeper.endForAll("signed_out", "signed_out_elsewhere");
      return join();
    },
    deliver: () => join().catch(() => undefined),
  };
}
