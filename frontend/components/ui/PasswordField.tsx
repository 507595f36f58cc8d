import { useState } from "react";

import { PASSWORD_MIN } from "../../lib/password.ts";
import { Field } from "./Field.tsx";

interface PasswordFieldProps {
  label: string;
  name: string;
  autoComplete: "current-password" | "new-password";
  hint?: string;
  error?: string | undefined;
}

/** A password field whose content can be shown. */
export function PasswordField({ label, name, autoComplete, hint, error }: PasswordFieldProps) {
  const [shown, setShown] = useState(false);
  return (
    <Field label={label} hint={hint} error={error}>
      {(aria) => (
        <div className="password">
          <input
            {...aria}
            className="input"
            type={shown ? "text" : "password"}
            name={name}
            autoComplete={autoComplete}
            autoCapitalize="none"
            spellCheck={false}
            minLength={autoComplete === "new-password" ? PASSWORD_MIN : undefined}
            required
          />
          <button type="button" className="password__toggle" onClick={() => setShown((now) => !now)}>
            {shown ? "Hide" : "Show"}
            <span className="sr-only"> {label.toLowerCase()}</span>
          </button>
        </div>
      )}
    </Field>
  );
}
