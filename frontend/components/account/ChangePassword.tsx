import { SealringError } from "sealring";

import { useSubmit } from "../../hooks/useSubmit.ts";
import { api } from "../../lib/api-client.ts";
import { type Failure, failureOf } from "../../lib/failure.ts";
import { PASSWORD_HINT } from "../../lib/password.ts";
import { Alert } from "../ui/Alert.tsx";
import { Button } from "../ui/Button.tsx";
import { PasswordField } from "../ui/PasswordField.tsx";
import { useToasts } from "../ui/Toasts.tsx";
import { Section } from "./Section.tsx";

/** A new password; every other session of the account ends with the old one. */
export function ChangePassword({ email, onChanged }: { email: string; onChanged: () => void }) {
  const toasts = useToasts();
  const { formRef, pending, failure, onSubmit } = useSubmit(async (text, form) => {
    const { ended } = await api.changePassword(text("current_password"), text("new_password"));
    form.reset();
    toasts.show({ text: `Password changed. ${endedInWords(ended)}` });
    onChanged();
  }, explain);

  return (
    <Section title="Password" lead="Changing it signs out every other device.">
      <form ref={formRef} className="form form--narrow" onSubmit={onSubmit} noValidate>
        {failure.message && <Alert>{failure.message}</Alert>}
        {/* Tells a password manager which account the new password is for. */}
        <input type="email" name="email" autoComplete="username" value={email} readOnly hidden />
        <PasswordField
          label="Current password"
          name="current_password"
          autoComplete="current-password"
          error={failure.fields["current_password"]}
        />
        <PasswordField
          label="New password"
          name="new_password"
          autoComplete="new-password"
          hint={PASSWORD_HINT}
          error={failure.fields["new_password"]}
        />
        <div>
          <Button type="submit" look="primary" busy={pending}>
            Change password
          </Button>
        </div>
      </form>
    </Section>
  );
}

function explain(error: unknown): Failure {
  if (error instanceof SealringError && error.code === "credentials_invalid") {
    return { message: null, fields: { current_password: "That is not your current password." } };
  }
  return failureOf(error);
}

function endedInWords(ended: number): string {
  if (ended === 0) return "You were signed in nowhere else.";
  return ended === 1 ? "One other device was signed out." : `${ended} other devices were signed out.`;
}
