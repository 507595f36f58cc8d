import type { Core } from "./core.js";
import { abortOf } from "./epoch.js";
import { errorFrom, SealringError } from "./errors.js";
import type { Keeper } from "./keeper.js";
import type { Refresher } from "./refresher.js";
import { isExpired } from "./session.js";
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

  /** Waits for a refresh: true when it renewed, false when it found the session over. */
  const refreshed = async (signal: AbortSignal): Promise<boolean> => {
    try {
      await Promise.race([refresher.refresh(), abortOf(signal)]);
      return true;
    } catch (error) {
      // The session is over: the server's own answer to the request says so better than we can.
      if (error instanceof SealringError && error.action === "sign_in") return false;
      throw error;
    }
  };

  /** Waits for the refresh where the request could not succeed without it. */
  const ready = async (signal: AbortSignal): Promise<void> => {
    const session = keeper.session();
    const usable = session ? !isExpired(session, time.now()) : refresher.running() === null;
    if (!usable) await refreshed(signal);
    // While the token is good nobody waits: the refresh goes on beside the request.
    else if (session && keeper.dueInMs(session) <= 0) refresher.refresh().catch(() => undefined);
  };

  return async (input, init) => {
    const url = addressOf(input, settings.baseUrl());
    if (url?.origin !== settings.origin) return settings.fetch(input, init);
    const request = ownRequest(url, input, init);
    const { signal } = request;
    if (request.credentials === "omit") return settings.fetch(request);
    const spare = init?.body instanceof ReadableStream ? null : request.clone();
    await ready(signal);
    const started = epoch.current();
    const overtaken = (): boolean => started.aborted;
    const renewals = keeper.renewals();

    /** Sends, and notices a session that is over; what was sent before a change says nothing about the one after. */
    const send = async (each: Request): Promise<[Response, SealringError | null]> => {
      const response = await settings.fetch(each);
      const error = response.status === 401 ? await errorFrom(response) : null;
      if (!error) keeper.worked();
      if (error?.action === "sign_in" && !overtaken() && keeper.session()) {
        keeper.endForAll(keeper.reason(error));
      }
      return [response, error];
    };

    const [response, error] = await send(request);
    if (error?.action !== "refresh" || spare === null) return response;
    const renewed = keeper.renewals() !== renewals || (await refreshed(signal));
    if (!renewed || overtaken()) return response;
    events.emit({ type: "request_replayed", code: error.code });
    const [second, refusal] = await send(spare);
    // The server has just answered a refresh, and its cookies do not come along: the browser does not keep them.
    if (refusal?.code === "token_missing" && !overtaken()) keeper.endForAll("unsupported");
    return second;
  };
}

function addressOf(input: RequestInfo | URL, base: string): URL | null {
  try {
    return new URL(isRequest(input) ? input.url : input, base || undefined);
  } catch {
    return null; // `fetch` itself says what is wrong with it.
  }
}

/** Not `instanceof Request`: one of another frame is a Request too. */
function isRequest(input: RequestInfo | URL): input is Request {
  return typeof input === "object" && "url" in input;
}

function ownRequest(url: URL, input: RequestInfo | URL, init: RequestInit | undefined): Request {
  const given = isRequest(input) ? input : null;
  const headers = new Headers(init?.headers ?? given?.headers);
  headers.set(CLIENT_HEADER.name, CLIENT_HEADER.value);
  return new Request(given ?? url, { ...init, headers });
}
