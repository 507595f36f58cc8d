import { useState } from "react";
import { SealringError } from "sealring";
import { useAuth } from "sealring/react";
import { useLocation } from "wouter";

import { api } from "../../lib/api-client.ts";
import { type Failure, failureOf } from "../../lib/failure.ts";
import { Button } from "../ui/Button.tsx";
import { Confirm } from "../ui/Confirm.tsx";
import { PasswordField } from "../ui/PasswordField.tsx";
import { useToasts } from "../ui/Toasts.tsx";
import { Section } from "./Section.tsx";

/** The end of the account, after the password was asked for once more. */
export function DeleteAccount() {
  const { logout } = useAuth();
  const toasts = useToasts();
  const [, navigate] = useLocation();
  const [asking, setAsking] = useState(false);

  const erase = async (text: (name: string) => string) => {
    await api.deleteAccount(text("password"));
    await logout();
    navigate("/");
    toasts.show({ text: "Your account and all its todos were deleted." });
  };

  return (
    <Section title="Delete account" lead="Deletes the account and every todo in it, for good.">
      <div>
        <Button look="danger-quiet" onClick={() => setAsking(true)}>
          Delete account
        </Button>
      </div>
      {asking && (
        <Confirm
          title="Delete your account?"
          text="This cannot be undone. Enter your password to go on."
          action="Delete my account"
          onConfirm={erase}
          onClose={() => setAsking(false)}
          explain={explain}
        >
          {(failure) => (
            <PasswordField
              label="Password"
              name="password"
              autoComplete="current-password"
              error={failure.fields["password"]}
            />
          )}
        </Confirm>
      )}
    </Section>
  );
}

function explain(error: unknown): Failure {
  if (error instanceof SealringError && error.code === "credentials_invalid") {
    return { message: null, fields: { password: "That is not your password." } };
  }
  return failureOf(error);
}
