import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";

import { DEFAULT_QUERY, queryFromSearch, searchFromQuery, type TodoQuery } from "../lib/todo-query.ts";

export interface TodoQueryControl {
  query: TodoQuery;
  change: (part: Partial<TodoQuery>) => void;
  /** Back to the list as it first showed. */
  reset: () => void;
}

/** The query in the address bar. */
export function useTodoQuery(): TodoQueryControl {
  const [search, setSearch] = useSearchParams();
  const text = search.toString();
  const query = useMemo(() => queryFromSearch(new URLSearchParams(text)), [text]);

  const change = useCallback(
    (part: Partial<TodoQuery>) =>
      setSearch((now) => searchFromQuery({ ...queryFromSearch(now), ...part }), { replace: true }),
    [setSearch],
  );
  const reset = useCallback(() => change(DEFAULT_QUERY), [change]);

  return { query, change, reset };
}
