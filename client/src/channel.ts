import type { Pause } from "./backoff.js";
import type { TimeSample } from "./clock.js";
import { isRecord, type SealringErrorCode } from "./errors.js";
import type { Session } from "./session.js";
import type { SignedOutReason } from "./state.js";

/** The part of `BroadcastChannel` that the client uses. */
export interface ChannelPort {
  postMessage: (message: unknown) => void;
  addEventListener: (type: "message", listener: (event: { readonly data: unknown }) => void) => void;
  close: () => void;
}

/**
 * What tabs tell each other; never a credential.
 *
 * - `ask`: a tab that knows of no session, or waited for another one's refresh, asks what the others know.
 * - `session`: an answer of the server; `opened` when it is a login's. `attempt` is the id for its next refresh.
 * - `ended`: a session is over; `sessionId` is null when the tab did not know it.
 * - `pause`: a refresh failed for a passing reason; by the shared clock of the machine.
 * - `input`: the user was active at this time, by the shared clock of the machine.
 */
export type Message<User> =
  | { readonly kind: "ask" }
  | {
      readonly kind: "session";
      readonly session: Session<User>;
      readonly sample: TimeSample;
      readonly attempt: string;
      readonly opened: boolean;
    }
  | { readonly kind: "ended"; readonly sessionId: string | null; readonly reason: SignedOutReason | null }
  | {
      readonly kind: "pause";
      readonly pause: Pause;
      readonly code: SealringErrorCode;
      readonly status: number;
    }
  | { readonly kind: "input"; readonly at: number };

/** Raised when a message changes its shape: tabs of an older build and of a newer one do not hear each other. */
const VERSION = 1;

/** A way to the other tabs of the same origin, open or not. */
export interface Channel<User> {
  /** Opens it, and returns what closes it. */
  readonly open: (hear: (message: Message<User>) => void) => () => void;
  /** Tells the other tabs; does nothing while closed. */
  readonly post: (message: Message<User>) => void;
}

/** Makes a {@link Channel} on ports of this factory; a factory that returns null means no other tabs. */
export function createChannel<User>(factory: () => ChannelPort | null): Channel<User> {
  let port: ChannelPort | null = null;
  return {
    open: (hear) => {
      port = factory();
      port?.addEventListener("message", ({ data }) => {
        if (isMessage<User>(data)) hear(data);
      });
      return () => {
        port?.close();
        port = null;
      };
    },
    post: (message) => {
      port?.postMessage({ version: VERSION, ...message });
    },
  };
}

// Only script of this origin can write here; what is checked is that it is our build's message, not its honesty.
function isMessage<User>(data: unknown): data is Message<User> {
  return isRecord(data) && data["version"] === VERSION;
}
