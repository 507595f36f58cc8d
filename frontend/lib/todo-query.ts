/** What the list shows, kept in the address so that reload, back and a shared link show the same. */

import type { Priority, Todo, TodoListQuery } from "./api-client.ts";

export const STATUSES = ["open", "done", "all"] as const;
export const SORTS = ["due", "priority", "newest", "oldest"] as const;
export const PRIORITIES = ["high", "normal", "low"] as const satisfies readonly Priority[];

export interface TodoQuery {
  status: (typeof STATUSES)[number];
  sort: (typeof SORTS)[number];
  priority: Priority | "any";
  q: string;
}

export const DEFAULT_QUERY: TodoQuery = { status: "open", sort: "due", priority: "any", q: "" };

/** Reads a query from an address; anything unknown becomes the default. */
export function queryFromSearch(search: URLSearchParams): TodoQuery {
  return {
    status: oneOf(STATUSES, search.get("status")) ?? DEFAULT_QUERY.status,
    sort: oneOf(SORTS, search.get("sort")) ?? DEFAULT_QUERY.sort,
    priority: oneOf(PRIORITIES, search.get("priority")) ?? DEFAULT_QUERY.priority,
    q: search.get("q") ?? DEFAULT_QUERY.q,
  };
}

/** The address form of a query, without what is the default. */
export function searchFromQuery(query: TodoQuery): URLSearchParams {
  const chosen = Object.entries(query).filter(
    ([name, value]) => DEFAULT_QUERY[name as keyof TodoQuery] !== value,
  );
  return new URLSearchParams(chosen);
}

const ORDER: Record<TodoQuery["sort"], Pick<TodoListQuery, "sort" | "order">> = {
  due: { sort: "due", order: "asc" },
  priority: { sort: "priority", order: "desc" },
  newest: { sort: "created", order: "desc" },
  oldest: { sort: "created", order: "asc" },
};

/** The parameters of one page of the API; `today` is the reader's, who may be a day ahead of the server. */
export function pageParameters(query: TodoQuery, today: string, cursor: string | null): TodoListQuery {
  const q = query.q.trim();
  return {
    status: query.status,
    ...ORDER[query.sort],
    today,
    ...(q ? { q } : {}),
    ...(query.priority === "any" ? {} : { priority: query.priority }),
    ...(cursor === null ? {} : { cursor }),
  };
}

/** Whether a new todo would surely show under a query; a search is left to the server. */
export function showsNew(query: TodoQuery, todo: Todo): boolean {
  return query.status !== "done" && query.q.trim() === "" && ["any", todo.priority].includes(query.priority);
}

/** Whether anything but the status narrows the list. */
export function isNarrowed(query: TodoQuery): boolean {
  return query.q.trim() !== "" || query.priority !== "any";
}

/** Whether it is another query than the first one. */
export function isChanged(query: TodoQuery): boolean {
  return searchFromQuery(query).size > 0;
}

function oneOf<T extends string>(choices: readonly T[], value: string | null): T | undefined {
  return choices.find((choice) => choice === value);
}
