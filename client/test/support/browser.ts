import {
  type ChannelPort,
  type Client,
  type ClientEvent,
  type ClientOptions,
  createClient,
} from "../../src/index.js";
import type { KeyValueStorage, Locks, SessionState } from "../../src/index.js";
import { ManualClock, settle } from "./clock.js";
import { type Jar, ORIGIN, TestServer } from "./server.js";

export interface User {
  readonly email: string;
}

type Listener = (event: { readonly data: unknown }) => void;

/** Ports of one name hear each other, later and as copies, but never themselves. */
export class Hub {
  readonly #ports = new Map<string, Set<Port>>();
  /** Every message, for tests that look at what is said. */
  readonly messages: unknown[] = [];

  readonly open = (name: string): ChannelPort => {
    const ports = this.#ports.get(name) ?? new Set<Port>();
    this.#ports.set(name, ports);
    const port = new Port(this.messages, ports);
    ports.add(port);
    return port;
  };

  openPorts(): number {
    return [...this.#ports.values()].reduce((sum, ports) => sum + ports.size, 0);
  }
}

class Port implements ChannelPort {
  readonly #listeners = new Set<Listener>();
  readonly #log: unknown[];
  readonly #ports: Set<Port>;

  constructor(log: unknown[], ports: Set<Port>) {
    this.#log = log;
    this.#ports = ports;
  }

  readonly postMessage = (message: unknown): void => {
    if (!this.#ports.has(this)) throw new Error("InvalidStateError: the channel is closed");
    this.#log.push(message);
    for (const port of this.#ports)
      if (port !== this) queueMicrotask(() => port.#hear(structuredClone(message)));
  };

  readonly addEventListener = (_type: "message", listener: Listener): void => {
    this.#listeners.add(listener);
  };

  readonly close = (): void => {
    this.#ports.delete(this);
  };

  #hear(data: unknown): void {
    for (const listener of this.#listeners) listener({ data });
  }
}

/** The locks of one origin: whoever asks first has it first; a page that goes away gives back what it had. */
export class TestLocks implements Locks {
  readonly #queue: { readonly begin: () => void }[] = [];
  #held = false;
  /** How often the lock was asked for. */
  asked = 0;

  readonly request = async <Result>(
    _name: string,
    options: { readonly signal?: AbortSignal; readonly ifAvailable?: boolean },
    work: (lock: unknown) => Promise<Result> | null,
  ): Promise<Result | null> => {
    this.asked += 1;
    await Promise.resolve();
    if (this.#held && options.ifAvailable) return work(null);
    if (this.#held) await this.#turn(options.signal);
    this.#held = true;
    try {
      return await work({});
    } finally {
      this.release();
    }
  };

  /** Takes the lock as a tab that hangs would. */
  seize(): void {
    this.#held = true;
  }

  /** Gives the lock to the next in the queue. */
  release(): void {
    const next = this.#queue.shift();
    if (next) next.begin();
    else this.#held = false;
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const mine = { begin: resolve };
      this.#queue.push(mine);
      signal?.addEventListener("abort", () => {
        this.#queue.splice(this.#queue.indexOf(mine), 1);
        reject(new DOMException("The request was aborted.", "AbortError"));
      });
    });
  }
}

export class MemoryStorage implements KeyValueStorage {
  readonly values = new Map<string, string>();
  readonly getItem = (key: string): string | null => this.values.get(key) ?? null;
  readonly setItem = (key: string, value: string): void => void this.values.set(key, value);
}

/** One tab: a client and what it told. */
export interface Tab {
  readonly client: Client<User>;
  readonly events: ClientEvent[];
  /** Its window: the source of input and of waking up. */
  readonly window: EventTarget;
  readonly state: () => SessionState<User>;
  readonly status: () => SessionState["status"];
}

/** A browser profile: tabs with one cookie jar, one storage and one clock, in front of one server. */
export class Browser {
  readonly clock = new ManualClock();
  readonly server = new TestServer(this.clock);
  readonly jar: Jar = { refresh: null, access: null };
  readonly storage = new MemoryStorage();
  readonly hub = new Hub();
  readonly locks = new TestLocks();

  /** Opens a tab and begins its client; the answer to its first question may still be on the way. */
  tab(options: ClientOptions = {}): Tab {
    const tab = this.idleTab(options);
    tab.client.start();
    return tab;
  }

  /** Opens a tab whose client has not begun. */
  idleTab(options: ClientOptions = {}): Tab {
    const window = new EventTarget();
    const client = createClient<User>({
      origin: ORIGIN,
      fetch: this.server.fetchFor(this.jar),
      clock: this.clock,
      random: () => 0.5,
      channel: this.hub.open,
      storage: this.storage,
      locks: this.locks,
      target: window,
      ...options,
    });
    const events: ClientEvent[] = [];
    client.onEvent((event) => events.push(event));
    return { client, events, window, state: client.getSnapshot, status: () => client.getSnapshot().status };
  }

  /** Opens a tab in which somebody is signed in. */
  async signedInTab(options: ClientOptions = {}): Promise<Tab> {
    if (!this.jar.refresh) this.server.open(this.jar);
    const tab = this.tab(options);
    await settle();
    return tab;
  }

  refreshes(): number {
    return this.server.calls("/auth/refresh").length;
  }
}

export const RIGHT = { email: "ada@example.com", password: "right" };
