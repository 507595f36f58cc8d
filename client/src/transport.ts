import { type Clock, takeSample, type TimeSample } from "./clock.js";
import { abortOf } from "./epoch.js";
import { answerInvalid, errorFrom, failure, SealringError } from "./errors.js";
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

/** What {@link createTransport} needs: the endpoints are below `origin` and `basePath`. */
export interface TransportInput {
  readonly clock: Clock;
  readonly origin: string;
  readonly basePath: string;
}

/** Makes a {@link Transport}. */
export function createTransport<User>(
  { clock, origin, basePath }: TransportInput,
  fetch: Fetch,
): Transport<User> {
  const exchange = async <Result>(
    { signal: given, ...call }: Call,
    read: (response: Response) => Promise<Result>,
  ): Promise<Result> => {
    const controller = new AbortController();
    const { signal } = controller;
    const stop = (): void => controller.abort(given?.reason);
    if (given?.aborted) stop();
    given?.addEventListener("abort", stop);
    const late = failure("timeout", "The server did not answer in time.");
    const cancel = clock.after(call.timeoutMs, () => controller.abort(late));
    const answer = async (): Promise<Result> => {
      signal.throwIfAborted();
      const response = await fetch(origin + basePath + call.path, { ...initOf(call), signal });
      if (!response.ok) throw await errorFrom(response);
      return read(response);
    };
    try {
      // Not every `fetch` heeds its signal: what is given up is not waited for.
      return await Promise.race([abortOf(signal), answer()]);
    } catch (cause) {
      if (cause instanceof SealringError) throw cause;
      throw failure("network_error", "The server cannot be reached.", { cause });
    } finally {
      cancel();
      given?.removeEventListener("abort", stop);
    }
  };
  return {
    send: (call) => exchange(call, bodyOf),
    ask: (call) => {
      const sentAt = clock.now();
      return exchange(call, async (response) => {
        // The server read its clock before it sent the headers; the body's way is no part of the comparison.
        const receivedAt = clock.now();
        const answer = readAnswer<User>(await bodyOf(response));
        if (answer === null) throw answerInvalid();
        return { ...answer, sample: takeSample(answer.session.answeredAt, sentAt, receivedAt) };
      });
    },
  };
}

function initOf({ method, body, keepalive = false }: Call): RequestInit {
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/json",
    [CLIENT_HEADER.name]: CLIENT_HEADER.value,
  };
  return { method, headers, keepalive, ...(body === undefined ? null : { body: JSON.stringify(body) }) };
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
