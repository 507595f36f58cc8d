import { useState } from "react";
import { endSession, logoutAll } from "sealring/account";
import { useAuth } from "sealring/react";

import type { Sessions } from "../../hooks/useSessions.ts";
import { messageOf } from "../../lib/failure.ts";
import { Button } from "../ui/Button.tsx";
import { Confirm } from "../ui/Confirm.tsx";
import { useToasts } from "../ui/Toasts.tsx";
import { DeviceRow } from "./DeviceRow.tsx";
import { Section } from "./Section.tsx";

/** Where the account is signed in, and a way to end each of it. */
export function Devices({ sessions, error, reload }: Sessions) {
  const { client } = useAuth();
  const toasts = useToasts();
  const [asking, setAsking] = useState(false);

  const end = async (id: string, device: string) => {
    try {
      await endSession(client, id);
      toasts.show({ text: `${device} was signed out.` });
    } catch (failure) {
      toasts.show({ tone: "error", text: messageOf(failure) });
    }
    reload();
  };

  return (
    <Section title="Your devices" lead="Every place where you are signed in. End what you do not recognise.">
      {error !== null && sessions === null ? (
        <p className="muted">
          {messageOf(error)} <Button onClick={reload}>Try again</Button>
        </p>
      ) : (
        <ul className="devices" aria-label="Your devices" aria-busy={sessions === null}>
          {sessions?.map((info) => (
            <DeviceRow key={info.sessionId} info={info} onEnd={end} />
          ))}
        </ul>
      )}
      <div>
        <Button look="danger-quiet" onClick={() => setAsking(true)}>
          Sign out everywhere
        </Button>
      </div>
      {asking && (
        <Confirm
          title="Sign out everywhere?"
          text="This ends every session of your account at once, the one on this device included."
          action="Sign out everywhere"
          onConfirm={async () => {
            await toasts.settle();
            await logoutAll(client);
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </Section>
  );
}
