import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useSyncExternalStore,
} from "react";

import type { Client } from "../client.js";
import type { SessionState } from "../state.js";

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
 * The client that an {@link AuthProvider} above gives; renders again only when that is another one.
 *
 * @typeParam User - the same as the client's.
 * @throws Error when there is no provider above; so do all hooks here.
 */
export function useClient<User = unknown>(): Client<User> {
  const client = useContext(ClientContext) as Client<User> | null;
  if (client === null) throw new Error("Hooks of sealring need an <AuthProvider> above.");
  return client;
}

/** A part of the state; renders again when it is another value, so `select` must not make a new one each time. */
export function usePart<User, Part>(select: (state: SessionState<User>) => Part): Part {
  const { subscribe, getSnapshot, getServerSnapshot } = useClient<User>();
  return useSyncExternalStore(
    subscribe,
    () => select(getSnapshot()),
    () => select(getServerSnapshot()),
  );
}
