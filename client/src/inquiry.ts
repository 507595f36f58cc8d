import type { Core } from "./core.js";
import type { SealringError } from "./errors.js";
import { createFlight, type Flight } from "./flight.js";
import type { Keeper } from "./keeper.js";
import type { Refresher } from "./refresher.js";

const TIMEOUT_MS = 10_000;

/** Makes what asks the server who is signed in; it never rejects: the state tells what came of it. */
export function createInquiry<User>(
  core: Core<User>,
  keeper: Keeper<User>,
  refresher: Refresher<User>,
): Flight<void> {
  const { store, epoch, transport } = core;

  const answerTo = async (error: SealringError): Promise<void> => {
    const { status } = store.get();
    if (error.action === "refresh") {
      await refresher.refresh().catch(() => undefined);
    } else if (error.action === "sign_in") {
      // Who is signed out already knows the better reason.
      if (status !== "signed_out") keeper.end(keeper.reason(error));
    } else if (status === "loading") {
      refresher.failed(error);
    }
  };

  const ask = async (): Promise<void> => {
    const signal = epoch.current();
    try {
      const answer = await transport.ask({ method: "GET", path: "/session", timeoutMs: TIMEOUT_MS, signal });
      if (!signal.aborted) keeper.accept(answer);
    } catch (error) {
      if (!signal.aborted) await answerTo(error as SealringError);
    }
  };

  return createFlight(ask, () => core.replan());
}
