import { useAuth } from "sealring/react";

import { Appearance } from "../components/account/Appearance.tsx";
import { ChangePassword } from "../components/account/ChangePassword.tsx";
import { DeleteAccount } from "../components/account/DeleteAccount.tsx";
import { Devices } from "../components/account/Devices.tsx";
import { useHeadingFocus } from "../hooks/useHeadingFocus.ts";
import { useSessions } from "../hooks/useSessions.ts";
import type { User } from "../lib/api-client.ts";

/** Who is signed in, where, and everything about the account that can be changed. */
export function AccountPage() {
  const headingRef = useHeadingFocus();
  const { user } = useAuth<User>();
  const sessions = useSessions();
  if (!user) return null;

  return (
    <>
      <title>Account · Sealring Todo</title>
      <div className="page-head">
        <h1 ref={headingRef} tabIndex={-1}>
          {user.name}
        </h1>
        <p className="muted">{user.email}</p>
      </div>
      <Devices {...sessions} />
      <ChangePassword email={user.email} onChanged={sessions.reload} />
      <Appearance />
      <DeleteAccount />
    </>
  );
}
