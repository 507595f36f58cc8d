import { type Core, dueIn, emit, isExpired } from "./core.js";
import { errorFrom, type SealringError } from "./errors.js";
import { page } from "./options.js";
import { CONTRACT } from "./errors.generated.js";
import { endedBy, endForAll } from "./keep.js";
import { refresh } from "./refresh.js";
import type { Session } from "./session.js";
import { CLIENT_HEADER, type Fetch, unlessAborted } from "./transport.js";

/**
 * The `fetch` that carries the session.
 *
 * Requests to the own origin and the listed ones get the client's header; all others pass through untouched. A request
 * waits for the refresh when the access token has expired; one that is refused with the action `refresh` is sent once
 * more after a refresh, unless its body is a stream, which can be read only once.
 */
export async function request(core: Core, ...[input, init]: Parameters<Fetch>): Promise<Response> {
  // Not `instanceof Request`: one of another frame is a Request too.
  const given = typeof input === "object" && "url" in input ? input : null;
  const url = new URL(given?.url ?? (input as string), page?.document.baseURI ?? core.origin);
  if ((init?.credentials ?? given?.credentials) === "omit" || !isOurs(core, url))
    return core.fetch(input, init);
  const first = new Request(given ?? url, init);
  first.headers.set(CLIENT_HEADER, CONTRACT);
  const { signal } = first;
  const spare = init?.body instanceof ReadableStream ? null : first.clone();
  const { session: before, turns } = core;
  if (before ? isExpired(core) : turns.has("refresh")) await refreshed(core, signal);
  // While the token is good nobody waits: the refresh goes on beside the request.
  else if (before && dueIn(core, before) <= 0) void refresh(core);
  const { session, epoch } = core;
  const [response, error] = await send(core, first, epoch.signal);
  if (error?.action !== "refresh" || !spare) return response;
  if (!(await refreshed(core, signal, session)) || epoch.signal.aborted) return response;
  emit(core, { type: "request_retried", code: error.code });
  const [second] = await send(core, spare, epoch.signal, true);
  return second;
}

function isOurs(core: Core, { origin }: URL): boolean {
  return [core.origin, ...core.origins].includes(origin);
}

/** Waits for a refresh: true when it renewed, false when it found the session over. */
function refreshed(core: Core, signal: AbortSignal, before: Session | null = null): Promise<boolean> {
  const work = refresh(core, false, before ?? core.session).then(
    () => true,
    (cause: unknown) => {
      // The session is over: the server's own answer to the request says so better than we can.
      if ((cause as SealringError).action === "sign_in") return false;
      throw cause;
    },
  );
  return unlessAborted(signal, work);
}

/** Sends, and notices a session that is over; what was sent before a change says nothing about the one after. */
async function send(
  core: Core,
  each: Request,
  epoch: AbortSignal,
  again = false,
): Promise<[Response, SealringError | null]> {
  const response = await core.fetch(each);
  // What another host says, to which we were led, is not about the session.
  if (response.redirected && !isOurs(core, new URL(response.url))) return [response, null];
  const error = response.status === 401 ? await errorFrom(response) : null;
  if (!error) core.untested = false;
  else if (core.session && !epoch.aborted) {
    if (error.action === "sign_in") endedBy(core, error);
    // The server has just answered a refresh, and its cookies do not come along: the browser does not keep them.
    else if (again && error.code === "token_missing") endForAll(core, "unsupported");
  }
  return [response, error];
}
