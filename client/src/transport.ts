import type { Core } from "./core.js";
import { errorFrom, failure, SealringError } from "./errors.js";
import { CONTRACT } from "./errors.generated.js";

/** How the client reaches a server: `globalThis.fetch` or what stands in for it. */
export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/**
 * "Every request of the client carries `Sealring-Client`": a page of another site cannot send it without a preflight,
 * so it is one half of the CSRF rule (spec/README.md).
 */
export const CLIENT_HEADER = "Sealring-Client";

/**
 * Milliseconds for a call that may be given up, whole round trip. The server's grace (20 s) must exceed it, so that a
 * refresh whose answer came too late can still be asked for again.
 */
const SHORT_MS = 10_000;
/** Milliseconds for every other call, which may have to refresh first. */
const LONG_MS = 30_000;

/**
 * Calls a session endpoint; it outlives the page, so that cookies which were renewed are kept.
 *
 * @param path - below the base path, for example `/refresh`.
 * @param body - sent as JSON; none when undefined.
 * @param signal - ends the call early, with its reason.
 * @param fetch - how to send it.
 * @returns the body as JSON, undefined when it is none; rejects with a SealringError only.
 */
export function call(
  core: Core,
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  fetch: Fetch = core.fetch,
): Promise<unknown> {
  const deadline = new AbortController();
  const cancel = core.clock.after(signal ? SHORT_MS : LONG_MS, () => deadline.abort(failure("timeout")));
  const either = AbortSignal.any([deadline.signal, signal ?? deadline.signal]);
  const answer = async (): Promise<unknown> => {
    const response = await fetch(core.origin + core.basePath + path, {
      method,
      headers: { "Content-Type": "application/json", [CLIENT_HEADER]: CONTRACT },
      body: JSON.stringify(body),
      keepalive: true,
      signal: either,
    });
    if (!response.ok) throw await errorFrom(response);
    return parsed(await response.text());
  };
  // Not every `fetch` heeds its signal: what is given up is not waited for.
  return unlessAborted(either, answer())
    .catch((cause: unknown) => {
      throw cause instanceof SealringError ? cause : failure("network_error", { cause });
    })
    .finally(cancel);
}

/** What `work` comes to, or the reason of a signal of our own as soon as it is aborted. */
export function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    signal.onabort = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) reject(signal.reason as Error);
    work.then(resolve, reject);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
