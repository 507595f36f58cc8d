import { type Dispatch, type RefObject, useCallback, useEffect, useReducer, useRef, useState } from "react";

import { api } from "../lib/api-client.ts";
import { pageParameters, type TodoQuery } from "../lib/todo-query.ts";
import { EMPTY, reduce, type TodoAction, type TodoState } from "../lib/todo-state.ts";
import { useListVersion } from "./useListVersion.ts";

const STALE_MS = 15_000;

export interface TodoPages {
  state: TodoState;
  dispatch: Dispatch<TodoAction>;
  /** Counts the changes this page made; a page of todos that was asked for before the last one is asked for again. */
  revision: RefObject<number>;
  reload: () => void;
  loadMore: () => Promise<void>;
}

/**
 * Loads what a query asks for: again when the query changes, when another tab or device has changed the list, and when
 * the reader comes back to a page gone stale.
 */
export function useTodoPages(query: TodoQuery, today: string): TodoPages {
  const [state, dispatch] = useReducer(reduce, EMPTY);
  const [round, setRound] = useState(0);
  const revision = useRef(0);
  const loadedAt = useRef(0);
  const quiet = useRef(false);
  const shown = useRef(false);
  const reload = useCallback(() => setRound((last) => last + 1), []);
  /** Loads again behind what is shown, which stays as it is until the answer comes, and when none does. */
  const follow = useCallback(() => {
    quiet.current = true;
    reload();
  }, [reload]);

  useEffect(() => {
    const abort = new AbortController();
    const asked = revision.current;
    const behind = quiet.current && shown.current;
    quiet.current = false;
    if (!behind) {
      shown.current = false;
      dispatch({ type: "loading" });
    }
    api.listTodos(pageParameters(query, today, null), abort.signal).then(
      (page) => {
        if (abort.signal.aborted) return;
        loadedAt.current = Date.now();
        shown.current = true;
        dispatch({ type: "loaded", page });
        if (revision.current !== asked) reload();
      },
      (error: unknown) => {
        if (!abort.signal.aborted && !behind) dispatch({ type: "failed", error });
      },
    );
    return () => abort.abort();
  }, [query, today, round, reload]);

  const onePage = state.cursor === null;
  // Loaded pages beyond the first are left as they are.
  useListVersion(
    useCallback(() => {
      if (onePage) follow();
    }, [onePage, follow]),
  );
  useEffect(() => {
    // News may have been missed while the page slept.
    const wake = () => {
      if (document.visibilityState === "visible" && onePage && Date.now() - loadedAt.current > STALE_MS)
        reload();
    };
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    return () => {
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("online", wake);
    };
  }, [onePage, reload]);

  const { cursor } = state;
  const loadMore = useCallback(async () => {
    dispatch({ type: "appended", page: await api.listTodos(pageParameters(query, today, cursor)) });
  }, [query, today, cursor]);

  return { state, dispatch, revision, reload, loadMore };
}
