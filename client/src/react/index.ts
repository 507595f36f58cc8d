import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from "react";

import type { Client } from "../client.js";
import type { SealringError } from "../errors.js";
import type { Session } from "../session.js";
import type { SessionState, SignedOutReason } from "../state.js";

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

/** Props of {@link AuthProvider}. */
export interface AuthProviderProps<User> {
  readonly client: Client<User>;
  readonly children?: ReactNode;
}

const ClientContext = createContext<Client | null>(null);

/** Gives a client to the components below; begins it when mounted and ends it when unmounted. */
export function AuthProvider<User>({ client, children }: AuthProviderProps<User>): ReactNode {
  useEffect(() => {
    client.start();
    return client.dispose;
  }, [client]);
  return createElement(ClientContext.Provider, { value: client }, children);
}

/**
 * The state of the client that an {@link AuthProvider} above gives; renders again when it changes.
 *
 * @typeParam User - the same as the client's.
 * @throws Error when there is no provider above.
 */
export function useAuth<User = unknown>(): Auth<User> {
  const client = useContext(ClientContext) as Client<User> | null;
  if (client === null) throw new Error("useAuth needs an <AuthProvider> above it.");
  const state = useSyncExternalStore(client.subscribe, client.getSnapshot, client.getServerSnapshot);
  return useMemo(() => {
    const { login, logout } = client;
    return { ...viewOf(state), login, logout, client };
  }, [client, state]);
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
