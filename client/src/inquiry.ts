import type { Core } from "./core.js";
import { SealringError } from "./errors.js";
import type { Keeper } from "./keeper.js";
import type { Refresher } from "./refresher.js";
import { reasonFor } from "./state.js";

const TIMEOUT_MS = 10_000;

/** Asks the server who is signed in, without changing anything there. */
export interface Inquiry {
  readonly running: () => boolean;
  /** Asks, or joins the question under way; never rejects: the state tells what came of it. */
  readonly ask: () => Promise<void>;
}

/** Makes the {@link Inquiry} of a client. */
export function createInquiry<User>(
  core: Core<User>,
  keeper: Keeper<User>,
  refresher: Refresher<User>,
): Inquiry {
  const { store, epoch, transport } = core;
  let flight: Promise<void> | null = null;

  const answerTo = async (error: SealringError): Promise<void> => {
    const { status } = store.get();
    if (error.action === "refresh") {
      await refresher.refresh().catch(() => undefined);
    } else if (error.action === "sign_in") {
      // Who is signed out already knows the better reason.
      if (status !== "signed_out") keeper.end(reasonFor(error, keeper.session() !== null));
    } else if (status === "loading") {
      refresher.failed(error);
    }
  };

  const run = async (): Promise<void> => {
    const started = epoch.current();
    const call = { method: "GET", path: "/session", timeoutMs: TIMEOUT_MS, signal: started } as const;
    try {
      const answer = await transport.ask(call);
      if (started.aborted) return;
      keeper.accept(answer);
    } catch (error) {
      if (!(error instanceof SealringError)) throw error;
      if (!started.aborted) await answerTo(error);
    }
  };

  return {
    running: () => flight !== null,
    ask: () =>
      (flight ??= run().finally(() => {
        flight = null;
        core.replan.emit(undefined);
      })),
  };
}
