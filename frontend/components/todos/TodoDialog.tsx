import { useSubmit } from "../../hooks/useSubmit.ts";
import type { Todo, TodoPatch } from "../../lib/api-client.ts";
import { Alert } from "../ui/Alert.tsx";
import { Button } from "../ui/Button.tsx";
import { Dialog } from "../ui/Dialog.tsx";
import { Field, TextArea, TextField } from "../ui/Field.tsx";
import { asPriority, PriorityOptions } from "./PriorityOptions.tsx";

interface TodoDialogProps {
  todo: Todo;
  onSave: (patch: TodoPatch) => Promise<void>;
  onDelete: () => void;
  onClose: () => void;
}

/** All of one todo, to be changed. Stays open, with everything typed, when saving fails. */
export function TodoDialog({ todo, onSave, onDelete, onClose }: TodoDialogProps) {
  const { formRef, pending, failure, onSubmit } = useSubmit(async (text) => {
    const patch = changes(todo, {
      title: text("title").trim(),
      notes: text("notes").trim(),
      due_on: text("due_on") || null,
      priority: asPriority(text("priority")),
    });
    if (Object.keys(patch).length > 0) await onSave(patch);
    onClose();
  });

  return (
    <Dialog title="Edit todo" onClose={onClose}>
      <form ref={formRef} className="form" onSubmit={onSubmit} noValidate>
        {failure.message && <Alert>{failure.message}</Alert>}
        <TextField
          label="Title"
          name="title"
          defaultValue={todo.title}
          maxLength={200}
          required
          autoFocus
          error={failure.fields["title"]}
        />
        <TextArea
          label="Notes"
          name="notes"
          optional
          defaultValue={todo.notes}
          maxLength={4000}
          error={failure.fields["notes"]}
        />
        <div className="form__pair">
          <TextField
            label="Due date"
            name="due_on"
            type="date"
            optional
            defaultValue={todo.due_on ?? ""}
            error={failure.fields["due_on"]}
          />
          <Field label="Priority">
            {(aria) => (
              <select {...aria} className="input" name="priority" defaultValue={todo.priority}>
                <PriorityOptions />
              </select>
            )}
          </Field>
        </div>
        <div className="dialog__actions">
          <Button look="danger-quiet" onClick={onDelete}>
            Delete
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={pending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Only what differs, so that a change made elsewhere to another field is not overwritten. */
function changes(todo: Todo, wanted: TodoPatch): TodoPatch {
  const names = Object.keys(wanted) as (keyof TodoPatch)[];
  return Object.fromEntries(
    names.filter((name) => wanted[name] !== todo[name]).map((name) => [name, wanted[name]]),
  );
}
