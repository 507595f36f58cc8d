import { type Emitter, emitter } from "./events.js";
import { LOADING, type SessionState } from "./state.js";

/** Holds the state and tells of its changes. */
export interface Store<User> {
  readonly get: () => SessionState<User>;
  /** Goes to another state, and tells the listeners unless it is the same object. */
  readonly set: (next: SessionState<User>) => void;
  /** Calls `listener` after each change, until the returned function is called. */
  readonly subscribe: Emitter<undefined>["listen"];
}

/** Makes a store in the state `loading`. */
export function createStore<User>(): Store<User> {
  const { emit, listen } = emitter<undefined>();
  let state: SessionState<User> = LOADING;
  return {
    get: () => state,
    set: (next) => {
      if (next === state) return;
      state = next;
      emit(undefined);
    },
    subscribe: listen,
  };
}
