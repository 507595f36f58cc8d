import { useState } from "react";
import { useAuth } from "sealring/react";

import { useOnline } from "../../hooks/useOnline.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";

/** Says when the server is out of reach; the pages stay, and nobody is signed out by it. */
export function ConnectionBanner() {
  const { status, client } = useAuth();
  const online = useOnline();
  const [trying, setTrying] = useState(false);

  const tryNow = async () => {
    setTrying(true);
    try {
      await client.refresh();
    } catch {
      // The banner stays: it already says what is wrong.
    } finally {
      setTrying(false);
    }
  };

  return (
    <div role="status">
      {(status === "degraded" || !online) && (
        <div className="banner">
          <Icon name="alert" />
          <p>{online ? "The server cannot be reached right now." : "You are offline."} You stay signed in.</p>
          {online && (
            <Button look="bare" shape="small" busy={trying} onClick={() => void tryNow()}>
              Try now
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
