import { type Activity, createActivity } from "./activity.js";
import { type Attempts, createAttempts } from "./attempt.js";
import { type Backoff, createBackoff } from "./backoff.js";
import { type Channel, createChannel } from "./channel.js";
import { createServerTime, type ServerTime } from "./clock.js";
import { createEpoch, type Epoch } from "./epoch.js";
import { type ClientEvent, type Emitter, emitter } from "./events.js";
import { createGate, type Gate } from "./gate.js";
import type { Settings } from "./options.js";
import { createStore, type Store } from "./store.js";
import { createTransport, type Transport } from "./transport.js";

/** What the parts of one client share. */
export interface Core<User> {
  readonly settings: Settings;
  readonly store: Store<User>;
  readonly events: Emitter<ClientEvent>;
  readonly time: ServerTime;
  readonly epoch: Epoch;
  readonly gate: Gate;
  readonly backoff: Backoff;
  readonly attempts: Attempts;
  readonly activity: Activity;
  readonly channel: Channel<User>;
  readonly transport: Transport<User>;
  /** Where in the jitter's range this client refreshes: drawn once, so that it does not wander. */
  readonly jitter: number;
  /** Called whenever what is due may have changed; the lifecycle sets what it does. */
  replan: () => void;
}

/** Makes the shared parts; nothing is listened to and nothing asked yet. */
export function createCore<User>(settings: Settings): Core<User> {
  const { clock, random, storage, name } = settings;
  const prefix = `sealring:${name}`;
  const channel = createChannel<User>(() => settings.channel(prefix));
  const core: Core<User> = {
    settings,
    channel,
    store: createStore(),
    events: emitter(),
    time: createServerTime(clock),
    epoch: createEpoch(),
    gate: createGate(),
    backoff: createBackoff(clock, random),
    attempts: createAttempts(storage, `${prefix}:attempt`, random),
    activity: createActivity({
      clock,
      storage,
      key: `${prefix}:input`,
      source: settings.activity,
      share: (at) => {
        channel.post({ kind: "input", at });
        core.replan();
      },
    }),
    transport: createTransport(settings, settings.fetch),
    jitter: random(),
    replan: () => undefined,
  };
  return core;
}
