import type { ChannelPort } from "./channel.js";
import { type Clock, systemClock } from "./clock.js";
import type { EventSource } from "./events.js";
import type { Locks } from "./lock.js";
import { createNotes, type KeyValueStorage, type Notes } from "./storage.js";
import type { Fetch } from "./transport.js";

/** What a client may be given; everything has a default, and everything from outside can be replaced in a test. */
export interface ClientOptions {
  /** Path that the session endpoints are below; `/auth` by default. */
  readonly basePath?: string;
  /** Name that the tabs of one application share, different for each application of an origin; `sealring`. */
  readonly name?: string;
  /** The origin of the session endpoints, for example `https://app.example`; the page's own. */
  readonly origin?: string;
  /** Other origins that `fetch` treats like the own one, for example `https://api.example`; none. */
  readonly origins?: readonly string[];
  /** How to reach servers; `globalThis.fetch`, looked up at each call. */
  readonly fetch?: Fetch;
  /** Where time comes from; the browser's. */
  readonly clock?: Clock;
  /** Numbers from 0 up to, not including, 1, that nobody can predict; from `crypto.getRandomValues`. */
  readonly random?: () => number;
  /** Opens the way to the other tabs, or returns null where there is none; `BroadcastChannel`. */
  readonly channel?: (name: string) => ChannelPort | null;
  /** Shared by the tabs and kept over reloads; `localStorage`. Null keeps everything in memory. */
  readonly storage?: KeyValueStorage | null;
  /** Lets one tab refresh at a time; `navigator.locks`. Null for none. */
  readonly locks?: Locks | null;
  /**
   * Where the user's input and the page's waking up (`visibilitychange`, `pageshow`, `resume`, `online`) are seen;
   * `window`. Null for none.
   */
  readonly target?: EventSource | null;
}

/** {@link ClientOptions} with every default filled in. */
export type Settings = Required<Omit<ClientOptions, "storage" | "name">> & {
  /**
   * Name of the channel and the lock. Its number is raised when a message or a note changes its shape: tabs of an older
   * build and of a newer one do not hear each other.
   */
  readonly key: string;
  readonly notes: Notes;
};

/** The page's window; null on a server. */
export const page = typeof window === "undefined" ? null : window;

/** Fills in the defaults. On a server, where there is no page, nothing is listened to and no origin is the own one. */
export function withDefaults({ storage, name = "sealring", ...options }: ClientOptions): Settings {
  const key = `sealring:${name}:2:`;
  return {
    key,
    basePath: "/auth",
    origin: page?.location.origin ?? "about:blank",
    origins: [],
    fetch: (...call) => globalThis.fetch(...call),
    clock: systemClock,
    random: () => Number(crypto.getRandomValues(new Uint32Array(1))) / 2 ** 32,
    channel: (name) => new BroadcastChannel(name),
    // Reading the property itself throws where the browser refuses storage, and what is null has no methods.
    notes: createNotes(() => (storage === undefined ? page?.localStorage : storage), key),
    locks: page?.navigator.locks ?? null,
    target: page,
    ...options,
  };
}
