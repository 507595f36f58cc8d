/**
 * The list as a value: what the server said, and on top of it what this page expects to become true.
 *
 * `items` and `counts` are the server's word. Changes under way (`pending`) and todos whose deletion can still be
 * undone (`hidden`) lie over them, so rolling back is forgetting the layer, whatever answered in between.
 */

import type { Counts, Todo, TodoPage, TodoPatch } from "./api-client.ts";

export interface TodoState {
  phase: "loading" | "ready" | "failed";
  error: unknown;
  items: readonly Todo[];
  cursor: string | null;
  counts: Counts;
  pending: readonly PendingChange[];
  hidden: readonly string[];
}

export interface PendingChange {
  change: number;
  id: string;
  patch: TodoPatch;
}

export type TodoAction =
  | { type: "loading" }
  | { type: "loaded"; page: TodoPage }
  | { type: "appended"; page: TodoPage }
  | { type: "failed"; error: unknown }
  | { type: "created"; todo: Todo; show: boolean; today: string }
  | { type: "changing"; change: number; id: string; patch: TodoPatch }
  | { type: "changed"; change: number; todo: Todo; today: string }
  | { type: "unchanged"; change: number }
  | { type: "hidden"; id: string }
  | { type: "restored"; id: string }
  | { type: "deleted"; id: string; today: string }
  | { type: "cleared" };

export const EMPTY: TodoState = {
  phase: "loading",
  error: null,
  items: [],
  cursor: null,
  counts: { open: 0, done: 0, overdue: 0 },
  pending: [],
  hidden: [],
};

/** The next state; pure. */
export function reduce(state: TodoState, action: TodoAction): TodoState {
  switch (action.type) {
    case "loading":
      return { ...state, phase: "loading", error: null };
    case "loaded":
      return { ...state, ...ready(action.page), items: action.page.items };
    case "appended":
      return { ...state, ...ready(action.page), items: joined(state.items, action.page.items) };
    case "failed":
      return { ...state, phase: "failed", error: action.error };
    case "created":
      return {
        ...state,
        items: action.show ? [action.todo, ...state.items] : state.items,
        counts: moved(state.counts, null, action.todo, action.today),
      };
    case "changing":
      return { ...state, pending: [...state.pending, action] };
    case "changed":
      return replaced(settled(state, action.change), action.todo, action.today);
    case "unchanged":
      return settled(state, action.change);
    case "hidden":
      return { ...state, hidden: [...state.hidden, action.id] };
    case "restored":
      return { ...state, hidden: without(state.hidden, action.id) };
    case "deleted":
      return removed(state, action.id, action.today);
    case "cleared":
      return {
        ...state,
        items: state.items.filter((todo) => !todo.done),
        counts: { ...state.counts, done: 0 },
      };
  }
}

/** The todos to show, with every change under way already in place. */
export function shownTodos(state: TodoState): Todo[] {
  return state.items.filter((todo) => !state.hidden.includes(todo.id)).map((todo) => expected(state, todo));
}

/** The counts that belong to `shownTodos`. */
export function shownCounts(state: TodoState, today: string): Counts {
  return state.items.reduce(
    (counts, todo) =>
      moved(counts, todo, state.hidden.includes(todo.id) ? null : expected(state, todo), today),
    state.counts,
  );
}

/** Open, with a due day that has passed. */
export function isOverdue(todo: Todo, today: string): boolean {
  return !todo.done && todo.due_on !== null && todo.due_on < today;
}

function expected(state: TodoState, todo: Todo): Todo {
  return state.pending
    .filter(({ id }) => id === todo.id)
    .reduce((now, { patch }) => withPatch(now, patch), todo);
}

function withPatch(todo: Todo, patch: TodoPatch): Todo {
  return Object.assign({ ...todo }, patch);
}

function ready(page: TodoPage): Pick<TodoState, "phase" | "error" | "cursor" | "counts"> {
  return { phase: "ready", error: null, cursor: page.next_cursor, counts: page.counts };
}

function joined(items: readonly Todo[], more: readonly Todo[]): Todo[] {
  const known = new Set(items.map((todo) => todo.id));
  return [...items, ...more.filter((todo) => !known.has(todo.id))];
}

function settled(state: TodoState, change: number): TodoState {
  return { ...state, pending: state.pending.filter((pending) => pending.change !== change) };
}

function replaced(state: TodoState, todo: Todo, today: string): TodoState {
  const before = state.items.find(({ id }) => id === todo.id);
  if (!before) return state;
  const items = state.items.map((item) => (item === before ? todo : item));
  return { ...state, items, counts: moved(state.counts, before, todo, today) };
}

function removed(state: TodoState, id: string, today: string): TodoState {
  const before = state.items.find((todo) => todo.id === id);
  const items = state.items.filter((todo) => todo !== before);
  const counts = before ? moved(state.counts, before, null, today) : state.counts;
  return { ...state, items, counts, hidden: without(state.hidden, id) };
}

function without(ids: readonly string[], id: string): string[] {
  return ids.filter((other) => other !== id);
}

function moved(counts: Counts, before: Todo | null, after: Todo | null, today: string): Counts {
  const [minus, plus] = [share(before, today), share(after, today)];
  return {
    open: counts.open + plus.open - minus.open,
    done: counts.done + plus.done - minus.done,
    overdue: counts.overdue + plus.overdue - minus.overdue,
  };
}

function share(todo: Todo | null, today: string): Counts {
  if (!todo) return { open: 0, done: 0, overdue: 0 };
  return { open: todo.done ? 0 : 1, done: todo.done ? 1 : 0, overdue: isOverdue(todo, today) ? 1 : 0 };
}
