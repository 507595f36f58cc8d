import type { Core } from "./core.js";
import { errorFrom, SealringError } from "./errors.js";
import type { Keeper } from "./keeper.js";
import type { Refresher } from "./refresher.js";
import { isExpired } from "./session.js";
import { reasonFor } from "./state.js";
import { CLIENT_HEADER, type Fetch } from "./transport.js";

/**
 * Makes the `fetch` that carries the session.
 *
 * Requests to the own origin get the client's header; the cookies come along by themselves. All others pass through
 * untouched. A request waits for the refresh when the access token has expired; one that is refused with the action
 * `refresh` is sent once more after a refresh, unless its body is a stream, which can be read only once.
 */
export function createRequests<User>(
  core: Core<User>,
  keeper: Keeper<User>,
  refresher: Refresher<User>,
): Fetch {
  const { settings, epoch, time, events } = core;

  /** Waits for the refresh where the request could not succeed without it. */
  const ready = async (signal: AbortSignal): Promise<void> => {
    const session = keeper.session();
    const usable = session ? !isExpired(session, time.now()) : refresher.running() === null;
    if (!usable) await refreshed(refresher.refresh(), signal);
    // While the token is good nobody waits: the refresh goes on beside the request.
    else if (session && keeper.dueInMs(session) <= 0) refresher.refresh().catch(() => undefined);
  };

  /** Whether the same request is worth sending again after this refusal. */
  const renewed = async (renewalsBefore: number, signal: AbortSignal): Promise<boolean> => {
    if (keeper.renewals() !== renewalsBefore) return true;
    return refreshed(refresher.refresh(), signal);
  };

  /** Notices a session that is over; a refusal of one that was over before says nothing about this one. */
  const heed = (error: SealringError, started: AbortSignal): void => {
    if (error.status !== 401 || error.action !== "sign_in" || started.aborted || !keeper.session()) return;
    keeper.endForAll(reasonFor(error, true));
  };

  const carried = async (request: Request, spare: Request | null): Promise<Response> => {
    await ready(request.signal);
    const started = epoch.current();
    const overtaken = (): boolean => started.aborted;
    const renewals = keeper.renewals();
    const response = await settings.fetch(request);
    if (response.status !== 401) return response;
    const error = await errorFrom(response);
    heed(error, started);
    if (error.action !== "refresh" || spare === null) return response;
    if (!(await renewed(renewals, request.signal)) || overtaken()) return response;
    events.emit({ type: "request_replayed", code: error.code });
    const second = await settings.fetch(spare);
    if (second.status === 401) heed(await errorFrom(second), started);
    return second;
  };

  return async (input, init) => {
    const url = addressOf(input, settings.baseUrl());
    if (url?.origin !== settings.origin) return settings.fetch(input, init);
    const request = ownRequest(url, input, init);
    if (request.credentials === "omit") return settings.fetch(request);
    const streamed = init?.body instanceof ReadableStream;
    return carried(request, streamed ? null : request.clone());
  };
}

function addressOf(input: RequestInfo | URL, base: string): URL | null {
  try {
    // Not `instanceof Request`: one of another frame is a Request too.
    return new URL(isRequest(input) ? input.url : input, base || undefined);
  } catch {
    return null; // `fetch` itself says what is wrong with it.
  }
}

function isRequest(input: RequestInfo | URL): input is Request {
  return typeof input === "object" && "url" in input;
}

function ownRequest(url: URL, input: RequestInfo | URL, init: RequestInit | undefined): Request {
  const given = isRequest(input) ? input : null;
  const headers = new Headers(init?.headers ?? given?.headers);
  headers.set(CLIENT_HEADER.name, CLIENT_HEADER.value);
  return new Request(given ?? url, { ...init, headers });
}

/** Waits for a refresh: true when it renewed, false when it found the session over. */
async function refreshed(refresh: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  try {
    await Promise.race([refresh, abortOf(signal)]);
    return true;
  } catch (error) {
    // The session is over: the server's own answer to the request says so better than we can.
    if (error instanceof SealringError && error.action === "sign_in") return false;
    throw error;
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
