import { useCallback, useState } from "react";
import { flushSync } from "react-dom";

import { ClearDone } from "../components/todos/ClearDone.tsx";
import { QuickAdd } from "../components/todos/QuickAdd.tsx";
import { Summary } from "../components/todos/Summary.tsx";
import { TodoDialog } from "../components/todos/TodoDialog.tsx";
import { focusBeside, focusOn } from "../components/todos/TodoItem.tsx";
import { TodoList } from "../components/todos/TodoList.tsx";
import { TodoToolbar } from "../components/todos/TodoToolbar.tsx";
import { useHeadingFocus } from "../hooks/useHeadingFocus.ts";
import { useTodoQuery } from "../hooks/useTodoQuery.ts";
import { useToday } from "../hooks/useToday.ts";
import { useTodos } from "../hooks/useTodos.ts";
import type { Todo } from "../lib/api-client.ts";
import { isChanged } from "../lib/todo-query.ts";
import { shownCounts } from "../lib/todo-state.ts";

/** The list: write down, look through, tick off. */
export function TodosPage() {
  const headingRef = useHeadingFocus();
  const today = useToday();
  const { query, change: changeQuery, reset } = useTodoQuery();
  const todos = useTodos(query, today, reset);
  const [edited, setEdited] = useState<Todo | null>(null);
  const counts = shownCounts(todos.state, today);

  // On a clean page there is nothing to look through.
  const { phase, counts: known } = todos.state;
  const hasTodos = phase !== "ready" || known.open + known.done > 0 || isChanged(query);

  const { remove: removeTodo } = todos;
  const remove = useCallback(
    (todo: Todo) => {
      if (!focusBeside(todo)) headingRef.current?.focus();
      removeTodo(todo, () => focusOn(todo));
    },
    [headingRef, removeTodo],
  );

  return (
    <>
      <title>Todos · Sealring Todo</title>
      <div className="page-head">
        <h1 ref={headingRef} tabIndex={-1}>
          Your todos
        </h1>
        <Summary counts={counts} />
      </div>
      <QuickAdd onAdd={todos.add} />
      {hasTodos && <TodoToolbar query={query} counts={counts} onChange={changeQuery} />}
      <TodoList
        state={todos.state}
        query={query}
        today={today}
        onToggle={todos.toggle}
        onEdit={setEdited}
        onDelete={remove}
        onReload={todos.reload}
        onMore={todos.loadMore}
        onReset={reset}
      />
      {counts.done > 0 && query.status !== "open" && (
        <ClearDone count={counts.done} onClear={todos.clearDone} />
      )}
      {edited && (
        <TodoDialog
          todo={edited}
          onSave={(patch) => todos.change(edited.id, patch)}
          onDelete={() => {
            // The dialog first: while it is open, nothing behind it can take the focus.
            flushSync(() => setEdited(null));
            remove(edited);
          }}
          onClose={() => setEdited(null)}
        />
      )}
    </>
  );
}
