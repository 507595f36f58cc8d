import type { ReactNode } from "react";

import type { Session } from "../session.js";
import { sessionOf } from "../state.js";
import { usePart } from "./provider.js";

/** Props of {@link SignedIn} and {@link SignedOut}. */
export interface GateProps {
  readonly children?: ReactNode;
}

/**
 * The session, or null while nobody is known to be signed in; renders again when there is a newer one, not while a
 * refresh is under way.
 *
 * @typeParam User - the same as the client's.
 */
export function useSession<User = unknown>(): Session<User> | null {
  return usePart<User, Session<User> | null>(sessionOf);
}

/**
 * The signed-in user, or null while nobody is known to be signed in; a refresh renders it again only when the server
 * tells something else about the user.
 *
 * @typeParam User - the same as the client's.
 */
export function useUser<User = unknown>(): Session<User>["user"] | null {
  return usePart<User, User | null>((state) => sessionOf(state)?.user ?? null);
}

/** Shows its children while somebody is signed in, also while the connection fails. */
export function SignedIn({ children }: GateProps): ReactNode {
  return usePart((state) => sessionOf(state) !== null) && children;
}

/** Shows its children while nobody is signed in; not before the server has said so. */
export function SignedOut({ children }: GateProps): ReactNode {
  return usePart(({ status }) => status === "signed_out") && children;
}
