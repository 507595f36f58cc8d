import { memo } from "react";

import type { Todo } from "../../lib/api-client.ts";
import { Icon } from "../ui/Icon.tsx";
import { DueLabel } from "./DueLabel.tsx";

export interface TodoItemProps {
  todo: Todo;
  today: string;
  onToggle: (todo: Todo) => void;
  onEdit: (todo: Todo) => void;
  onDelete: (todo: Todo) => void;
}

/** One line of the list: done or not, what, when, how urgent. */
export const TodoItem = memo(function TodoItem({ todo, today, onToggle, onEdit, onDelete }: TodoItemProps) {
  return (
    <li id={rowId(todo)} className={todo.done ? "todo todo--done" : "todo"}>
      <span className="todo__check">
        <input type="checkbox" aria-label={todo.title} checked={todo.done} onChange={() => onToggle(todo)} />
        <Icon name="check" />
      </span>
      <div className="todo__body">
        <button type="button" className="todo__title" onClick={() => onEdit(todo)}>
          <span className="sr-only">Edit</span> {todo.title}
        </button>
        {todo.notes && <p className="todo__notes">{todo.notes}</p>}
        <Facts todo={todo} today={today} />
      </div>
      <button type="button" className="todo__delete" onClick={() => onDelete(todo)}>
        <Icon name="trash" />
        <span className="sr-only">Delete {todo.title}</span>
      </button>
    </li>
  );
});

/**
 * Moves the focus off a row that is about to go: to the same place in the next row, or the one before.
 *
 * @returns whether there was one.
 */
export function focusBeside(todo: Todo): boolean {
  const row = document.getElementById(rowId(todo));
  const beside = row?.nextElementSibling ?? row?.previousElementSibling;
  const button = beside?.querySelector<HTMLElement>(".todo__delete");
  button?.focus();
  return button !== null && button !== undefined;
}

/** Moves the focus to a row that has just come back. */
export function focusOn(todo: Todo): void {
  document.getElementById(rowId(todo))?.querySelector<HTMLElement>(".todo__title")?.focus();
}

function rowId(todo: Todo): string {
  return `todo-${todo.id}`;
}

function Facts({ todo, today }: { todo: Todo; today: string }) {
  if (todo.due_on === null && todo.priority === "normal") return null;
  return (
    <p className="todo__facts">
      {todo.priority === "high" && (
        <span className="fact fact--high">
          <Icon name="flag" />
          High priority
        </span>
      )}
      {todo.due_on !== null && <DueLabel day={todo.due_on} done={todo.done} today={today} />}
      {todo.priority === "low" && <span className="fact">Low priority</span>}
    </p>
  );
}
