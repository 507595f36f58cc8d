import { useEffect } from "react";
import { liveSocket } from "sealring/live";

import { client, LIVE_LIST_URL } from "../lib/api-client.ts";

/** Calls `onNews` when the list was changed by any tab or device; a stable function. */
export function useListVersion(onNews: () => void): void {
  useEffect(() => {
    let known: number | null = null;
    return liveSocket(client, LIVE_LIST_URL, {
      onMessage: (data) => {
        const version = versionIn(data);
        if (version === null || version === known) return;
        // The first one says what this page has loaded, or is about to load, itself.
        if (known !== null) onNews();
        known = version;
      },
    });
  }, [onNews]);
}

function versionIn(data: unknown): number | null {
  const told: unknown = typeof data === "string" ? JSON.parse(data) : null;
  const version =
    typeof told === "object" && told !== null && "list_version" in told ? told.list_version : null;
  return typeof version === "number" ? version : null;
}
