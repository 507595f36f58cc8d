import { type ComponentProps, type ReactNode, useId } from "react";

import { Icon } from "./Icon.tsx";

interface FieldText {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  optional?: boolean | undefined;
}

interface FieldAria {
  id: string;
  "aria-invalid": true | undefined;
  "aria-describedby": string | undefined;
}

/** A label, a control, a hint and an error, tied together for every reader. */
export function Field({
  label,
  hint,
  error,
  optional,
  children,
}: FieldText & { children: (aria: FieldAria) => ReactNode }) {
  const id = useId();
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label className="field__label" htmlFor={id}>
        {label}
        {optional && <span className="field__optional"> (optional)</span>}
      </label>
      {children({
        id,
        "aria-invalid": error ? true : undefined,
        "aria-describedby": describedBy || undefined,
      })}
      {hint && (
        <p className="field__hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p className="field__error" id={`${id}-error`}>
          <Icon name="alert" />
          {error}
        </p>
      )}
    </div>
  );
}

/** A one-line text field. */
export function TextField({ label, hint, error, optional, ...input }: FieldText & ComponentProps<"input">) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(aria) => <input type="text" {...input} {...aria} className="input" />}
    </Field>
  );
}

/** A field for several lines. */
export function TextArea({ label, hint, error, optional, ...input }: FieldText & ComponentProps<"textarea">) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(aria) => <textarea {...input} {...aria} className="input" />}
    </Field>
  );
}
