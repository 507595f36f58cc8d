import { useState } from "react";
import { useAuth } from "sealring/react";

import { useNow } from "../../hooks/useNow.ts";
import { spanInWords } from "../../lib/dates.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";

const NOTICE_MS = 120_000;

/** Warns before the session ends: for want of use, which can be helped, or because its longest life is over. */
export function EndingBanner() {
  const { session, client } = useAuth();
  const [pending, setPending] = useState(false);
  useNow(1_000);

  const stay = async () => {
    setPending(true);
    // A failure shows as a degraded connection, or as the end that was announced.
    await client.refresh().catch(() => null);
    setPending(false);
  };

  const endsAt = session ? Math.min(session.idleEndsAt, session.endsAt) : Infinity;
  const left = endsAt - client.now();
  const unused = session !== null && session.idleEndsAt < session.endsAt;
  return (
    <div role="status">
      {left < NOTICE_MS && (
        <div className="banner">
          <Icon name="alert" />
          <p>
            {unused
              ? "You will be signed out soon, because this page is not used."
              : "Your session will end soon."}
            {/* Counting down aloud would be unbearable. */}
            <span aria-hidden="true"> {spanInWords(left)} left.</span>
          </p>
          {unused && (
            <Button look="bare" shape="small" busy={pending} onClick={() => void stay()}>
              Stay signed in
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
