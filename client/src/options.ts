import type { ChannelPort } from "./channel.js";
import { type Clock, systemClock } from "./clock.js";
import type { EventSource } from "./events.js";
import type { Locks } from "./lock.js";
import { type KeyValueStorage, safeStorage } from "./storage.js";
import type { Fetch } from "./transport.js";

/** What a client may be given; everything has a default, and everything from outside can be replaced in a test. */
export interface ClientOptions {
  /** Path that the session endpoints are below; `/auth` by default. */
  readonly basePath?: string;
  /** Name that the tabs of one application share, different for each application of an origin; `sealring`. */
  readonly name?: string;
  /** The only origin that requests are attached to, for example `https://app.example`; the page's own. */
  readonly origin?: string;
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
  /** Where the user's input is seen; `window`. Null where there is none. */
  readonly activity?: EventSource | null;
  /** Where the page's waking up is seen (`visibilitychange`, `pageshow`, `resume`, `online`); `window`. Null for none. */
  readonly target?: EventSource | null;
  /** Whether the browser keeps cookies; `navigator.cookieEnabled`. */
  readonly cookiesEnabled?: () => boolean;
}

/** {@link ClientOptions} with every default filled in. */
export interface Settings extends Required<ClientOptions> {
  readonly storage: KeyValueStorage;
  /** What a relative address is relative to, now. */
  readonly baseUrl: () => string;
}

const page = typeof window === "undefined" ? null : window;

/** Fills in the defaults. On a server, where there is no page, nothing is listened to and no origin is the own one. */
export function withDefaults({
  basePath = "/auth",
  name = "sealring",
  origin,
  fetch = (input, init) => globalThis.fetch(input, init),
  clock = systemClock,
  random = unpredictable,
  channel = broadcastChannel,
  storage = localStorageOrNull(),
  locks = page?.navigator.locks ?? null,
  activity = page,
  target = page,
  cookiesEnabled = () => page?.navigator.cookieEnabled ?? true,
}: ClientOptions): Settings {
  return {
    basePath,
    name,
    origin: origin ?? page?.location.origin ?? "",
    baseUrl: () => origin ?? page?.document.baseURI ?? "",
    fetch,
    clock,
    random,
    channel,
    storage: safeStorage(storage),
    locks,
    activity,
    target,
    cookiesEnabled,
  };
}

function unpredictable(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
}

function broadcastChannel(name: string): ChannelPort | null {
  return typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name);
}

function localStorageOrNull(): KeyValueStorage | null {
  try {
    return page?.localStorage ?? null;
  } catch {
    return null; // Reading the property itself throws where the browser refuses storage.
  }
}
