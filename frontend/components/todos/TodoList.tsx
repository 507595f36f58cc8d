import { useState } from "react";

import { messageOf } from "../../lib/failure.ts";
import type { TodoQuery } from "../../lib/todo-query.ts";
import type { TodoState } from "../../lib/todo-state.ts";
import { shownTodos } from "../../lib/todo-state.ts";
import { Button } from "../ui/Button.tsx";
import { useToasts } from "../ui/Toasts.tsx";
import { EmptyList, FailedList, LoadingList } from "./ListNotice.tsx";
import { TodoItem, type TodoItemProps } from "./TodoItem.tsx";

interface TodoListProps extends Omit<TodoItemProps, "todo"> {
  state: TodoState;
  query: TodoQuery;
  onReload: () => void;
  onMore: () => Promise<void>;
  onReset: () => void;
}

/** The todos of the query, or why there are none. */
export function TodoList({ state, query, onReload, onMore, onReset, ...item }: TodoListProps) {
  const todos = shownTodos(state);
  if (state.phase === "failed" && todos.length === 0)
    return <FailedList error={state.error} onRetry={onReload} />;
  if (state.phase === "loading" && todos.length === 0) return <LoadingList />;
  if (todos.length === 0 && state.cursor === null) {
    return <EmptyList query={query} counts={state.counts} onReset={onReset} />;
  }
  return (
    <>
      <ul className="card todos" aria-label="Todos" aria-busy={state.phase === "loading"}>
        {todos.map((todo) => (
          <TodoItem key={todo.id} todo={todo} {...item} />
        ))}
      </ul>
      {state.cursor !== null && <LoadMore onMore={onMore} />}
    </>
  );
}

function LoadMore({ onMore }: { onMore: () => Promise<void> }) {
  const toasts = useToasts();
  const [pending, setPending] = useState(false);
  const load = async () => {
    setPending(true);
    try {
      await onMore();
    } catch (error) {
      toasts.show({ tone: "error", text: messageOf(error) });
    } finally {
      setPending(false);
    }
  };
  return (
    <div className="todos__more">
      <Button busy={pending} onClick={() => void load()}>
        Load more
      </Button>
    </div>
  );
}
