import { useCallback, useMemo, useSyncExternalStore } from "react";

import type { Client } from "../client.js";
import { idleEndOf } from "../idle.js";
import type { Session } from "../session.js";
import { sessionOf } from "../state.js";
import { useClient } from "./provider.js";

/** A time in a session that can be counted down to. */
export type SessionTime = "expiresAt" | "refreshAt" | "idleEndsAt" | "endsAt";

/** When something ends, by the server's clock. */
type EndOf = (client: Client, session: Session) => number;

const SECOND_MS = 1_000;

/**
 * How long it is until a time of the session, by the server's clock: rounded up to whole steps, 0 when it is over, null
 * while nobody is known to be signed in. Renders again only its own component, once a step.
 *
 * @param time - of the session; `expiresAt`, when the access token expires, by default.
 * @param stepMs - milliseconds of a step, 1 or more; a second by default. Take a minute where minutes are shown.
 * @returns milliseconds.
 */
export function useExpiresIn(time: SessionTime = "expiresAt", stepMs = SECOND_MS): number | null {
  const endOf = useCallback<EndOf>((_, session) => session[time], [time]);
  return useCountdown(endOf, stepMs);
}

/**
 * How long it is until the user counts as idle: rounded up to whole steps, 0 when that is so, null while nobody is known
 * to be signed in. Input in any tab of the browser moves it, to within 5 seconds; a refresh by itself does not.
 *
 * @param afterMs - milliseconds without input that make the user idle. By default the session's own end for want of
 *   input is counted down to; after input it is at least this far away, and exact again with the next refresh.
 * @param stepMs - as in {@link useExpiresIn}.
 * @returns milliseconds.
 */
export function useIdle(afterMs?: number, stepMs = SECOND_MS): number | null {
  const endOf = useCallback<EndOf>(
    (client, session) => {
      const input = client.lastInput();
      return afterMs === undefined ? idleEndOf(session, input) : input + afterMs;
    },
    [afterMs],
  );
  return useCountdown(endOf, stepMs);
}

function useCountdown(endOf: EndOf, stepMs: number): number | null {
  const client = useClient();
  const { subscribe, steps } = useMemo(() => countdown(client, endOf, stepMs), [client, endOf, stepMs]);
  return useSyncExternalStore(subscribe, steps, () => null);
}

/** A countdown as a store: what it shows changes with whole steps only, so nothing renders in between. */
function countdown(client: Client, endOf: EndOf, stepMs: number) {
  const left = (): number | null => {
    const session = sessionOf(client.getSnapshot());
    return session && Math.max(0, endOf(client, session) - client.now());
  };
  return {
    steps: () => {
      const ms = left();
      return ms && Math.ceil(ms / stepMs) * stepMs;
    },
    subscribe: (listener: () => void) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const arm = (): void => {
        clearTimeout(timer);
        const ms = left();
        // At the next whole step; input in another tab may move even an end that has come, so it goes on from 0.
        if (ms !== null) timer = setTimeout(tick, ms % stepMs || stepMs);
      };
      const tick = (): void => {
        arm();
        listener();
      };
      const stop = client.subscribe(tick);
      arm();
      return () => {
        clearTimeout(timer);
        stop();
      };
    },
  };
}
