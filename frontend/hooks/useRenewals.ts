import { useEffect, useState } from "react";
import { useAuth } from "sealring/react";

export interface Renewal {
  /** By the server's clock. */
  at: number;
  /** Null when another tab did it. */
  tookMs: number | null;
}

/** The last renewal of the session that happened while this page was open; null before the first. */
export function useRenewals(): Renewal | null {
  const { client } = useAuth();
  const [last, setLast] = useState<Renewal | null>(null);

  useEffect(
    () =>
      client.onEvent((event) => {
        if (event.type === "refreshed") setLast({ at: client.now(), tookMs: event.tookMs });
        if (event.type === "adopted") setLast({ at: client.now(), tookMs: null });
        if (event.type === "signed_in") setLast(null);
      }),
    [client],
  );

  return last;
}
