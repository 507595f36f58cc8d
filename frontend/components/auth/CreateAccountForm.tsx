import { SealringError } from "sealring";
import { useAuth } from "sealring/react";

import { useSubmit } from "../../hooks/useSubmit.ts";
import { api } from "../../lib/api-client.ts";
import { type Failure, failureOf } from "../../lib/failure.ts";
import { PASSWORD_HINT } from "../../lib/password.ts";
import { Alert } from "../ui/Alert.tsx";
import { Button } from "../ui/Button.tsx";
import { TextField } from "../ui/Field.tsx";
import { PasswordField } from "../ui/PasswordField.tsx";
import { RememberCheck } from "./RememberCheck.tsx";

/** Creates an account and signs in to it. */
export function CreateAccountForm() {
  const { login } = useAuth();
  const { formRef, pending, failure, onSubmit } = useSubmit(async (text) => {
    const credentials = { email: text("email").trim(), password: text("password") };
    await api.createAccount({ ...credentials, name: text("name").trim() });
    await login({ ...credentials, remember: text("remember") !== "" });
  }, explain);

  return (
    <form ref={formRef} className="form" onSubmit={onSubmit} noValidate>
      {failure.message && <Alert>{failure.message}</Alert>}
      <TextField
        label="Name"
        name="name"
        autoComplete="name"
        maxLength={100}
        autoFocus
        required
        error={failure.fields["name"]}
      />
      <TextField
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        required
        error={failure.fields["email"]}
      />
      <PasswordField
        label="Password"
        name="password"
        autoComplete="new-password"
        hint={PASSWORD_HINT}
        error={failure.fields["password"]}
      />
      <RememberCheck />
      <Button type="submit" look="primary" shape="wide" busy={pending}>
        Create account
      </Button>
    </form>
  );
}

function explain(error: unknown): Failure {
  if (error instanceof SealringError && error.code === "conflict") {
    return { message: null, fields: { email: "There is already an account with this email." } };
  }
  return failureOf(error);
}
