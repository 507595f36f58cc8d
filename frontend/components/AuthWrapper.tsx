import { type ReactNode, useEffect, useState } from "react";
import type { SignedOutReason } from "sealring";
import { AuthProvider, useAuth } from "sealring/react";

import { client } from "../lib/api-client.ts";
import { SessionEndedPage } from "../pages/SessionEndedPage.tsx";
import { WelcomePage } from "../pages/WelcomePage.tsx";
import { Splash } from "./shell/Splash.tsx";
import { useToasts } from "./ui/Toasts.tsx";

/** Provides the session, and shows the pages inside only to who is signed in. */
export function AuthWrapper({ children }: { children: ReactNode }) {
  return (
    <AuthProvider client={client}>
      <Gate>{children}</Gate>
    </AuthProvider>
  );
}

function Gate({ children }: { children: ReactNode }) {
  const { status, reason, error } = useAuth();
  switch (status) {
    case "loading":
      return <Splash waiting={error !== null} />;
    case "signed_out":
      return <SignedOut reason={reason} />;
    case "authenticated":
    case "refreshing":
    case "degraded":
      return children;
  }
}

function SignedOut({ reason }: { reason: SignedOutReason | null }) {
  const toasts = useToasts();
  const [noticed, setNoticed] = useState(false);
  // What they say is nobody else's business, and what they hold back can no longer be done.
  useEffect(() => toasts.drop(), [toasts]);
  // Who signed out here knows it; every other end of a session is explained before the form.
  if (reason === null || reason === "signed_out" || noticed) return <WelcomePage />;
  return <SessionEndedPage reason={reason} onContinue={() => setNoticed(true)} />;
}
