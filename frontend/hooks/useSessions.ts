import { useCallback, useEffect, useState } from "react";
import { listSessions, type SessionSummary } from "sealring/account";
import { useAuth } from "sealring/react";

export interface Sessions {
  /** Null until they were loaded. */
  sessions: readonly SessionSummary[] | null;
  error: unknown;
  reload: () => void;
}

/** The account's sessions, asked for again when the reader comes back to the page. */
export function useSessions(): Sessions {
  const { client } = useAuth();
  const [sessions, setSessions] = useState<readonly SessionSummary[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((last) => last + 1), []);

  useEffect(() => {
    let current = true;
    listSessions(client).then(
      (loaded) => {
        if (!current) return;
        setSessions(loaded);
        setError(null);
      },
      (failure: unknown) => {
        if (current) setError(failure);
      },
    );
    return () => {
      current = false;
    };
  }, [client, round]);

  useEffect(() => {
    const wake = () => {
      if (document.visibilityState === "visible") reload();
    };
    document.addEventListener("visibilitychange", wake);
    return () => document.removeEventListener("visibilitychange", wake);
  }, [reload]);

  return { sessions, error, reload };
}
