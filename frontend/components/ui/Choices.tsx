import { type ReactNode, useId } from "react";

export interface Choice<T extends string> {
  value: T;
  label: string;
  /** Shown beside the label, but not part of its name. */
  aside?: ReactNode;
}

interface ChoicesProps<T extends string> {
  label: string;
  choices: readonly Choice<T>[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few, all in view: a radio group. */
export function Segmented<T extends string>({ label, choices, value, onChange }: ChoicesProps<T>) {
  const name = useId();
  return (
    <fieldset>
      <legend className="sr-only">{label}</legend>
      <div className="segmented">
        {choices.map((choice) => (
          <div key={choice.value} className="segmented__option">
            <input
              type="radio"
              name={name}
              aria-label={choice.label}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            <span aria-hidden="true">
              {choice.label}
              {choice.aside !== undefined && <span className="segmented__count">{choice.aside}</span>}
            </span>
          </div>
        ))}
      </div>
    </fieldset>
  );
}

/** One of a few, in a list that opens; the label is for screen readers, each choice says what it is about. */
export function CompactSelect<T extends string>({ label, choices, value, onChange }: ChoicesProps<T>) {
  return (
    <select
      className="input input--small"
      aria-label={label}
      value={value}
      onChange={(event) => {
        const chosen = choices.find((choice) => choice.value === event.target.value);
        if (chosen) onChange(chosen.value);
      }}
    >
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>
  );
}
