import { emitter } from "./events.js";
import { type Change, LOADING, reduce, type SessionState } from "./state.js";

/** Holds the state and tells of its changes. */
export interface Store<User> {
  readonly get: () => SessionState<User>;
  /** Applies a change and tells the listeners when it made a difference. */
  readonly apply: (change: Change<User>) => void;
  /** Calls `listener` after each change, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
}

/** Makes a store in the state `loading`. */
export function createStore<User>(): Store<User> {
  const changed = emitter<undefined>();
  let state: SessionState<User> = LOADING;
  return {
    get: () => state,
    apply: (change) => {
      const next = reduce(state, change);
      if (next === state) return;
      state = next;
      changed.emit(undefined);
    },
    subscribe: (listener) => changed.listen(listener),
  };
}
