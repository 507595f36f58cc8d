import { type Clock, takeSample, type TimeSample } from "./clock.js";
import { answerInvalid, errorFrom, SealringError, superseded, unreachable } from "./errors.js";
import { CONTRACT } from "./errors.generated.js";
import { type Answer, readAnswer } from "./session.js";

/** How the client reaches a server: `globalThis.fetch` or what stands in for it. */
export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/**
 * "Every request of the client carries `Sealring-Client`": a page of another site cannot send it without a preflight,
 * so it is one half of the CSRF rule (spec/README.md).
 */
export const CLIENT_HEADER = { name: "Sealring-Client", value: String(CONTRACT) } as const;

/** One call of the session endpoints. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the base path, for example `/refresh`. */
  readonly path: string;
  readonly body?: unknown;
  /** Milliseconds for the whole round trip, body included. */
  readonly timeoutMs: number;
  /** Ends the call early: it then rejects with `superseded`. */
  readonly signal?: AbortSignal;
  /** Whether the call outlives the page. */
  readonly keepalive?: boolean;
}

/** A session answer and what it tells about the clocks. */
export interface Received<User> extends Answer<User> {
  readonly sample: TimeSample;
}

/** Calls the session endpoints. */
export interface Transport<User> {
  /** Makes a call and reads its body as JSON, undefined when it is none; rejects with a SealringError only. */
  readonly send: (call: Call) => Promise<unknown>;
  /** Makes a call that is answered with a session; rejects with a SealringError only. */
  readonly ask: (call: Call) => Promise<Received<User>>;
}

/** What {@link createTransport} needs. */
export interface TransportInput {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Address that the endpoints are below, without a slash at the end. */
  readonly base: string;
}

/** Makes a {@link Transport}. */
export function createTransport<User>({ fetch, clock, base }: TransportInput): Transport<User> {
  const exchange = async (call: Call, signal: AbortSignal): Promise<Response> => {
    const response = await fetch(base + call.path, { ...initOf(call), signal });
    if (!response.ok) throw await errorFrom(response);
    return response;
  };
  return {
    send: (call) => within(clock, call, async (signal) => bodyOf(await exchange(call, signal))),
    ask: (call) =>
      within(clock, call, async (signal) => {
        const sentAt = clock.now();
        const response = await exchange(call, signal);
        // The server read its clock before it sent the headers; the body's way is no part of the comparison.
        const receivedAt = clock.now();
        const answer = readAnswer<User>(await bodyOf(response));
        if (answer === null) throw answerInvalid(response.status);
        return { ...answer, sample: takeSample(answer.session.answeredAt, sentAt, receivedAt) };
      }),
  };
}

function initOf({ method, body, keepalive }: Call): RequestInit {
  const headers: Record<string, string> = {
    Accept: "application/json",
    [CLIENT_HEADER.name]: CLIENT_HEADER.value,
  };
  const init: RequestInit = { method, headers };
  if (keepalive === true) init.keepalive = true;
  if (body === undefined) return init;
  return { ...init, body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
}

/** The body as JSON, or undefined when it is not; a body that breaks off half-way rejects. */
async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Gives `work` a signal that is aborted by the call's own and when its time is up, and does not wait beyond it. */
async function within<Result>(
  clock: Clock,
  call: Call,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (call.signal?.aborted === true) throw superseded();
  const controller = new AbortController();
  let timedOut = false;
  const stopped = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => {
      reject(timedOut ? unreachable(controller.signal.reason, true) : superseded());
    });
  });
  const overtaken = (): void => {
    controller.abort();
  };
  call.signal?.addEventListener("abort", overtaken);
  const cancelTimer = clock.after(call.timeoutMs, () => {
    timedOut = true;
    controller.abort();
  });
  try {
    return await Promise.race([stopped, work(controller.signal)]);
  } catch (cause) {
    throw cause instanceof SealringError ? cause : unreachable(cause, false);
  } finally {
    cancelTimer();
    call.signal?.removeEventListener("abort", overtaken);
  }
}
