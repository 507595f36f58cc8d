import { describe, expect, test } from "vitest";

import type { Todo, TodoPage } from "../lib/api-client.ts";
import {
  EMPTY,
  reduce,
  shownCounts,
  shownTodos,
  type TodoAction,
  type TodoState,
} from "../lib/todo-state.ts";

const TODAY = "2026-05-04";

function todo(id: string, more: Partial<Todo> = {}): Todo {
  const moment = "2026-05-01T08:00:00Z";
  return {
    id,
    title: `Todo ${id}`,
    notes: "",
    due_on: null,
    priority: "normal",
    done: false,
    created_at: moment,
    updated_at: moment,
    done_at: null,
    ...more,
  };
}

function page(items: Todo[], next_cursor: string | null = null): TodoPage {
  const done = items.filter((item) => item.done).length;
  const overdue = items.filter((item) => !item.done && item.due_on !== null && item.due_on < TODAY).length;
  return { items, next_cursor, counts: { open: items.length - done, done, overdue } };
}

function after(...actions: TodoAction[]): TodoState {
  return actions.reduce(reduce, EMPTY);
}

const late = todo("a", { due_on: "2026-05-03" });
const loaded: TodoAction = { type: "loaded", page: page([late, todo("b")]) };
const ticking: TodoAction = { type: "changing", change: 1, id: "a", patch: { done: true } };

describe("a change under way", () => {
  test("shows in the list and in the counts before the server has answered", () => {
    const state = after(loaded, ticking);
    expect(shownTodos(state)[0]?.done).toBe(true);
    expect(shownCounts(state, TODAY)).toEqual({ open: 1, done: 1, overdue: 0 });
  });

  test("leaves no trace when the server refuses it", () => {
    const state = after(loaded, ticking, { type: "unchanged", change: 1 });
    expect(state).toEqual(after(loaded));
  });

  test("gives way to the server's word when it answers", () => {
    const answer = { ...late, done: true, done_at: "2026-05-04T09:00:00Z" };
    const state = after(loaded, ticking, { type: "changed", change: 1, todo: answer, today: TODAY });
    expect(shownTodos(state)[0]).toEqual(answer);
    expect(state.counts).toEqual({ open: 1, done: 1, overdue: 0 });
    expect(state.pending).toEqual([]);
  });

  test("that fails takes back only itself, not another one of the same todo", () => {
    const retitling: TodoAction = { type: "changing", change: 2, id: "a", patch: { title: "New title" } };
    const state = after(loaded, ticking, retitling, { type: "unchanged", change: 1 });
    expect(shownTodos(state)[0]).toMatchObject({ done: false, title: "New title" });
  });

  test("survives a reload that was answered before it", () => {
    expect(shownTodos(after(loaded, ticking, loaded))[0]?.done).toBe(true);
  });
});

describe("a deletion that can still be undone", () => {
  const hiding: TodoAction = { type: "hidden", id: "a" };

  test("hides the todo and counts without it", () => {
    const state = after(loaded, hiding);
    expect(shownTodos(state).map(({ id }) => id)).toEqual(["b"]);
    expect(shownCounts(state, TODAY)).toEqual({ open: 1, done: 0, overdue: 0 });
  });

  test("keeps it hidden when a reload brings it back", () => {
    expect(shownTodos(after(loaded, hiding, loaded)).map(({ id }) => id)).toEqual(["b"]);
  });

  test("brings it back where it was when it is undone", () => {
    expect(after(loaded, hiding, { type: "restored", id: "a" })).toEqual(after(loaded));
  });

  test("counts it once when the server has deleted it", () => {
    const state = after(loaded, hiding, { type: "deleted", id: "a", today: TODAY });
    expect(shownCounts(state, TODAY)).toEqual({ open: 1, done: 0, overdue: 0 });
    expect(state.hidden).toEqual([]);
  });
});

describe("pages", () => {
  test("are joined without showing a todo twice", () => {
    const created: TodoAction = { type: "created", todo: todo("c"), show: true, today: TODAY };
    const next: TodoAction = { type: "appended", page: page([todo("b"), todo("c"), todo("d")]) };
    const state = after({ type: "loaded", page: page([late, todo("b")], "more") }, created, next);
    expect(shownTodos(state).map(({ id }) => id)).toEqual(["c", "a", "b", "d"]);
    expect(state.cursor).toBeNull();
  });

  test("stay in view while others are loaded, and when that fails", () => {
    const state = after(loaded, { type: "loading" }, { type: "failed", error: new Error("away") });
    expect(shownTodos(state)).toHaveLength(2);
  });
});

test("a new todo that the filter would hide is counted, not shown", () => {
  const state = after(loaded, { type: "created", todo: todo("c"), show: false, today: TODAY });
  expect(shownTodos(state)).toHaveLength(2);
  expect(shownCounts(state, TODAY).open).toBe(3);
});

test("clearing what is done leaves what is open", () => {
  const state = after({ type: "loaded", page: page([late, todo("b", { done: true })]) }, { type: "cleared" });
  expect(shownTodos(state)).toEqual([late]);
  expect(shownCounts(state, TODAY)).toEqual({ open: 1, done: 0, overdue: 1 });
});
