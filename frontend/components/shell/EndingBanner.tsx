import { useState } from "react";
import { useClient, useExpiresIn, useIdle } from "sealring/react";

import { spanInWords } from "../../lib/dates.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";

const NOTICE_MS = 120_000;

/** Warns before the session ends: for want of use, which can be helped, or because its longest life is over. */
export function EndingBanner() {
  const client = useClient();
  const unusedIn = useIdle() ?? Infinity;
  const overIn = useExpiresIn("endsAt") ?? Infinity;
  const [pending, setPending] = useState(false);

  const stay = async () => {
    setPending(true);
    // A failure shows as a degraded connection, or as the end that was announced.
    await client.refresh().catch(() => null);
    setPending(false);
  };

  const left = Math.min(unusedIn, overIn);
  const unused = unusedIn < overIn;
  return (
    <div role="status">
      {left <= NOTICE_MS && (
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
