import { useCallback, useRef } from "react";
import { flushSync } from "react-dom";

import { useToasts } from "../components/ui/Toasts.tsx";
import { api, type Todo, type TodoDraft, type TodoPatch } from "../lib/api-client.ts";
import { isGone, messageOf } from "../lib/failure.ts";
import { inTurn } from "../lib/in-turn.ts";
import { showsNew, type TodoQuery } from "../lib/todo-query.ts";
import type { TodoState } from "../lib/todo-state.ts";
import { useTodoPages } from "./useTodoPages.ts";

export interface Todos {
  state: TodoState;
  reload: () => void;
  loadMore: () => Promise<void>;
  /** Rejects with the server's refusal. */
  add: (draft: TodoDraft) => Promise<Todo>;
  /** Shows the change at once and takes it back if the server refuses; rejects with that refusal. */
  change: (id: string, patch: TodoPatch) => Promise<void>;
  toggle: (todo: Todo) => void;
  /** Hides the todo at once and deletes it when the offer to undo has passed; `onUndone` when it was taken. */
  remove: (todo: Todo, onUndone: () => void) => void;
  clearDone: () => Promise<void>;
}

/** The list of a query, and everything that can be done to it. */
export function useTodos(query: TodoQuery, today: string, showAll: () => void): Todos {
  const toasts = useToasts();
  const { state, dispatch, revision, reload, loadMore } = useTodoPages(query, today);
  const lastChange = useRef(0);
  const queue = useRef(inTurn());

  const add = async (draft: TodoDraft) => {
    const todo = await api.createTodo(draft);
    revision.current++;
    const show = showsNew(query, todo);
    dispatch({ type: "created", todo, show, today });
    if (!show) toasts.show({ text: `Added “${todo.title}”.`, action: { label: "Show", run: showAll } });
    return todo;
  };

  const change = useCallback(
    async (id: string, patch: TodoPatch) => {
      const number = ++lastChange.current;
      dispatch({ type: "changing", change: number, id, patch });
      try {
        // In turn, so that the server ends with what was asked for last.
        const todo = await queue.current(id, () => api.updateTodo(id, patch));
        revision.current++;
        dispatch({ type: "changed", change: number, todo, today });
      } catch (error) {
        dispatch({ type: "unchanged", change: number });
        throw error;
      }
    },
    [dispatch, revision, today],
  );

  const toggle = useCallback(
    (todo: Todo) => {
      change(todo.id, { done: !todo.done }).catch((error: unknown) => {
        toasts.show({ tone: "error", text: `“${todo.title}” was not changed. ${messageOf(error)}` });
        if (isGone(error)) reload();
      });
    },
    [change, reload, toasts],
  );

  const remove = useCallback(
    (todo: Todo, onUndone: () => void) => {
      const restore = () => dispatch({ type: "restored", id: todo.id });
      const erase = async () => {
        try {
          await api.deleteTodo(todo.id).catch((error: unknown) => {
            // Deleted elsewhere: that is what was wanted.
            if (!isGone(error)) throw error;
          });
          revision.current++;
          dispatch({ type: "deleted", id: todo.id, today });
        } catch (error) {
          restore();
          toasts.show({ tone: "error", text: `“${todo.title}” was not deleted. ${messageOf(error)}` });
        }
      };
      const undo = () => {
        flushSync(restore);
        onUndone();
      };
      dispatch({ type: "hidden", id: todo.id });
      toasts.show({ text: `Deleted “${todo.title}”.`, action: { label: "Undo", run: undo }, onClose: erase });
    },
    [dispatch, revision, toasts, today],
  );

  const clearDone = async () => {
    await api.deleteDone();
    revision.current++;
    dispatch({ type: "cleared" });
    reload();
  };

  return { state, reload, loadMore, add, change, toggle, remove, clearDone };
}
