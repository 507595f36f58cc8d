import { useMemo } from "react";

import type { Client } from "../client.js";
import type { SealringError } from "../errors.js";
import type { Session } from "../session.js";
import type { SessionState, SignedOutReason } from "../state.js";
import { useClient, usePart } from "./provider.js";

/** What {@link useAuth} tells; narrow it by `status`. */
export type AuthView<User = unknown> =
  | {
      readonly status: "loading";
      readonly session: null;
      readonly user: null;
      readonly reason: null;
      readonly error: SealringError | null;
    }
  | {
      readonly status: "authenticated" | "refreshing" | "degraded";
      readonly session: Session<User>;
      readonly user: User;
      readonly reason: null;
      readonly error: SealringError | null;
    }
  | {
      readonly status: "signed_out";
      readonly session: null;
      readonly user: null;
      readonly reason: SignedOutReason | null;
      readonly error: null;
    };

/** The state, and what can be done about it; the functions stay the same as long as the client does. */
export type Auth<User = unknown> = AuthView<User> &
  Pick<Client<User>, "login" | "logout"> & { readonly client: Client<User> };

/**
 * The state of the client, and what can be done about it; renders again when the state changes.
 *
 * @typeParam User - the same as the client's.
 */
export function useAuth<User = unknown>(): Auth<User> {
  const client = useClient<User>();
  const state = usePart<User, SessionState<User>>(whole);
  return useMemo(() => {
    const { login, logout } = client;
    return { ...viewOf(state), login, logout, client };
  }, [client, state]);
}

function whole<State>(state: State): State {
  return state;
}

function viewOf<User>(state: SessionState<User>): AuthView<User> {
  switch (state.status) {
    case "loading":
      return { status: state.status, session: null, user: null, reason: null, error: state.error };
    case "signed_out":
      return { status: state.status, session: null, user: null, reason: state.reason, error: null };
    case "degraded":
      return { ...signedIn(state.session, state.status), error: state.error };
    case "authenticated":
    case "refreshing":
      return { ...signedIn(state.session, state.status), error: null };
  }
}

function signedIn<User, Status>(session: Session<User>, status: Status) {
  return { status, session, user: session.user, reason: null } as const;
}
