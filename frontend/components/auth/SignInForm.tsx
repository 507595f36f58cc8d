import { SealringError } from "sealring";
import { useAuth } from "sealring/react";

import { type Submission, useSubmit } from "../../hooks/useSubmit.ts";
import { type Failure, failureOf } from "../../lib/failure.ts";
import { Alert } from "../ui/Alert.tsx";
import { Button } from "../ui/Button.tsx";
import { TextField } from "../ui/Field.tsx";
import { PasswordField } from "../ui/PasswordField.tsx";
import { RememberCheck } from "./RememberCheck.tsx";

/** Email, password, and whether to stay signed in after the browser closes. */
export function SignInForm() {
  const { login } = useAuth();
  const { formRef, pending, failure, onSubmit }: Submission = useSubmit(async (text) => {
    await login({
      email: text("email").trim(),
      password: text("password"),
      remember: text("remember") !== "",
    });
  }, explain);

  return (
    <form ref={formRef} className="form" onSubmit={onSubmit} noValidate>
      {failure.message && <Alert>{failure.message}</Alert>}
      <TextField
        label="Email"
        name="email"
        type="email"
        autoComplete="username"
        autoFocus
        required
        error={failure.fields["email"]}
      />
      <PasswordField
        label="Password"
        name="password"
        autoComplete="current-password"
        error={failure.fields["password"]}
      />
      <RememberCheck />
      <Button type="submit" look="primary" shape="wide" busy={pending}>
        Sign in
      </Button>
    </form>
  );
}

function explain(error: unknown): Failure {
  if (error instanceof SealringError && error.code === "credentials_invalid") {
    return { message: "That email and password do not match an account.", fields: {} };
  }
  return failureOf(error);
}
