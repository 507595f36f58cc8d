import { type Core, emit, inTurn, nextEpoch, touch } from "./core.js";
import { failure, type SealringError } from "./errors.js";
import { accept, endedBy, endForAll, fail, receive } from "./keep.js";
import { refresh } from "./refresh.js";
import type { Session } from "./session.js";
import { call } from "./transport.js";

/** Signs in, after what is under way; a refresh is not waited for but given up. */
export function login(core: Core, body: unknown): Promise<Session> {
  const { logouts } = core;
  const check = (): void => {
    if (core.logouts === logouts) return;
    // Another tab may have told the server before the login reached it: it is told again, after the login.
    core.notes.set("logout", "1");
    throw failure("superseded");
  };
  nextEpoch(core);
  return inTurn(core, check, async () => {
    check();
    const answer = await receive(core, "POST", "/login", body);
    // The logout that follows ends the session that has just been opened.
    check();
    touch(core);
    emit(core, { type: "signed_in" });
    return accept(core, answer);
  });
}

/**
 * Signs out: here and in the other tabs at once, at the server as soon as it can be reached.
 *
 * That a logout is to be delivered is noted before it is sent. So a session whose logout was lost, with the network
 * or with the page, does not come back with the next page: that one delivers it first.
 */
export function logout(core: Core): Promise<void> {
  core.logouts += 1;
  core.notes.set("logout", "1");
  endForAll(core, "signed_out");
  return deliver(core);
}

/** Whether the server has not heard of the last logout yet. */
export function isPending(core: Core): boolean {
  return !!core.notes.get("logout");
}

/** Tells the server of a logout that it has not heard of. */
function deliver(core: Core): Promise<void> {
  return inTurn(core, "logout", async () => {
    if (!isPending(core)) return;
    try {
      await call(core, "POST", "/logout");
    } catch (caught) {
      const error = caught as SealringError;
      // A session that the server does not know either is over.
      if (error.action !== "sign_in") {
        fail(core, error);
        throw error;
      }
    }
    core.notes.set("logout", "");
  });
}

/** Asks the server who is signed in, unless there is a logout that it has to hear of first; the state tells. */
export function inquire(core: Core): void {
  const work = isPending(core) ? deliver(core) : inTurn(core, "session", () => ask(core));
  work.catch(() => undefined);
}

async function ask(core: Core): Promise<void> {
  // A logout has come between: it follows, and what the cookies say until then is over.
  if (isPending(core)) return;
  const { signal } = core.epoch;
  try {
    const answer = await receive(core, "GET", "/session", undefined, signal);
    if (!signal.aborted) accept(core, answer);
  } catch (caught) {
    if (signal.aborted) return;
    const error = caught as SealringError;
    const { status } = core.state;
    if (error.action === "refresh") void refresh(core);
    // Who is signed out already knows the better reason.
    else if (error.action === "sign_in" && status !== "signed_out") endedBy(core, error);
    else if (status === "loading") fail(core, error);
  }
}
