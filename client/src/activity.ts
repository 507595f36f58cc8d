import type { Clock } from "./clock.js";
import { type EventSource, listenTo } from "./events.js";
import type { KeyValueStorage } from "./storage.js";

/** What only a person does. A `scroll` event is not among them: script scrolls too. */
const INPUT_EVENTS = ["pointerdown", "keydown", "wheel", "touchstart", "touchmove"] as const;

/** Input is told to the storage and the other tabs at most this often, in milliseconds. */
const SHARE_EVERY_MS = 5_000;
/** Longest `idle_for` of the contract, in seconds. */
const LONGEST_IDLE = 31_536_000;

/** When the user was last seen, in any tab. */
export interface Activity {
  /** Begins to listen, and returns what ends it. */
  readonly listen: () => () => void;
  /** The last input: milliseconds since the epoch by this machine's clock. */
  readonly lastInputAt: () => number;
  /** Whole seconds since the last input, 0 to 31,536,000. */
  readonly idleFor: () => number;
  /** Notes input now. */
  readonly touch: () => void;
  /** Notes input that another tab saw at this time. */
  readonly heard: (at: number) => void;
}

/** What {@link createActivity} needs. */
export interface ActivityInput {
  readonly clock: Clock;
  readonly storage: KeyValueStorage;
  readonly key: string;
  /** Where input events come from; null where there are none. */
  readonly source: EventSource | null;
  /** Called with the time of input that the other tabs should hear of. */
  readonly share: (at: number) => void;
}

/**
 * Watches for the user's input.
 *
 * Loading a page is no input, since pages reload by themselves; only a browser that has seen none yet counts from now.
 */
export function createActivity({ clock, storage, key, source, share }: ActivityInput): Activity {
  const stored = storage.getItem(key);
  let last = stored && isFinite(+stored) ? +stored : clock.now();
  let shared = Number.NEGATIVE_INFINITY;

  const lastInputAt = (): number => {
    // A time in the future means that the clock was set back: without this the user would count as active until then.
    if (last > clock.now()) last = clock.now();
    return last;
  };
  const touch = (): void => {
    last = clock.now();
    if (Math.abs(last - shared) < SHARE_EVERY_MS) return;
    shared = last;
    storage.setItem(key, String(last));
    share(last);
  };
  return {
    lastInputAt,
    touch,
    idleFor: () => Math.min(LONGEST_IDLE, Math.floor((clock.now() - lastInputAt()) / 1_000)),
    heard: (at) => {
      last = Math.max(lastInputAt(), at);
    },
    listen: () => listenTo(source, INPUT_EVENTS, touch),
  };
}
