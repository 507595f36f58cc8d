import { useId, useRef, useState } from "react";

import type { Todo, TodoDraft } from "../../lib/api-client.ts";
import { useSubmit } from "../../hooks/useSubmit.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";
import { asPriority, PriorityOptions } from "./PriorityOptions.tsx";

/** One line to write down what is to be done; the day and the priority are asked once there is a title. */
export function QuickAdd({ onAdd }: { onAdd: (draft: TodoDraft) => Promise<Todo> }) {
  const titleRef = useRef<HTMLInputElement>(null);
  const [title, setTitle] = useState("");
  const errorId = useId();
  const { formRef, pending, failure, onSubmit } = useSubmit(async (text, form) => {
    if (title.trim() === "") return;
    await onAdd({
      title: title.trim(),
      due_on: text("due_on") || null,
      priority: asPriority(text("priority")),
    });
    form.reset();
    setTitle("");
    titleRef.current?.focus();
  });
  const problem = failure.message ?? Object.values(failure.fields)[0];

  return (
    <form ref={formRef} className="card quick" aria-label="Add a todo" onSubmit={onSubmit} noValidate>
      <div className="quick__line">
        <Icon name="plus" />
        <input
          ref={titleRef}
          className="quick__title"
          aria-label="New todo"
          aria-invalid={problem ? true : undefined}
          aria-describedby={problem ? errorId : undefined}
          placeholder="Add a todo"
          maxLength={200}
          autoComplete="off"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
        />
        <Button type="submit" look="primary" shape="small" busy={pending}>
          Add
        </Button>
      </div>
      <div className="quick__more" hidden={title === ""}>
        <label className="quick__option">
          Due
          <input className="input input--small" type="date" name="due_on" />
        </label>
        <label className="quick__option">
          Priority
          <select className="input input--small" name="priority" defaultValue="normal">
            <PriorityOptions />
          </select>
        </label>
      </div>
      {problem && (
        <p className="field__error quick__error" id={errorId} role="alert">
          <Icon name="alert" />
          {problem}
        </p>
      )}
    </form>
  );
}
