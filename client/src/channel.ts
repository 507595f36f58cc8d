import type { ErrorDetails } from "./errors.js";
import type { Session } from "./session.js";
import type { SignedOutReason } from "./state.js";

/** The part of `BroadcastChannel` that the client uses. */
export interface ChannelPort {
  postMessage: (message: unknown) => void;
  addEventListener: (type: "message", listener: (event: { readonly data: unknown }) => void) => void;
  close: () => void;
}

/** What tabs tell each other; never a credential. */
export interface Message {
  /** An answer of the server. */
  readonly news?: {
    readonly session: Session;
    /** Whether it is a login's. */
    readonly opened: boolean;
    /** What to add to this machine's time to get the server's, in milliseconds. */
    readonly offsetMs: number;
  };
  /** A session is over; its id is undefined when the tab did not know it. */
  readonly ended?: { readonly sessionId: string | undefined; readonly reason: SignedOutReason | null };
  /** The server could not be asked, for a passing reason. */
  readonly trouble?: {
    readonly error: ErrorDetails;
    readonly failures: number;
    /** Until when the server is to be left alone, by the shared clock of the machine. */
    readonly until: number;
  };
}
