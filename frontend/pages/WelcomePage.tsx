import { Link, useLocation } from "wouter";

import { CreateAccountForm } from "../components/auth/CreateAccountForm.tsx";
import { SignInForm } from "../components/auth/SignInForm.tsx";
import { CalmPage } from "../components/shell/CalmPage.tsx";

const CREATE = "/create-account";

/** For who is signed out: sign in, or create an account. */
export function WelcomePage() {
  const [path] = useLocation();
  return path === CREATE ? <CreateAccount /> : <SignIn />;
}

function SignIn() {
  return (
    <CalmPage title="Sign in" lead="Welcome back. Your list is where you left it.">
      <SignInForm />
      <p className="calm__aside">
        New here? <Link href={CREATE}>Create an account</Link>
      </p>
    </CalmPage>
  );
}

function CreateAccount() {
  return (
    <CalmPage title="Create your account" lead="One quiet list for everything you mean to do.">
      <CreateAccountForm />
      <p className="calm__aside">
        Already have an account? <Link href="/">Sign in</Link>
      </p>
    </CalmPage>
  );
}
