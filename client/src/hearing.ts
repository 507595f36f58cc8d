import type { Message } from "./channel.js";
import { type Core, update } from "./core.js";
import { failure } from "./errors.js";
import { adopt, end } from "./keep.js";
import { inquire } from "./sign.js";

/** Acts on a message of another tab. */
export function hear(core: Core, { news, ended, trouble }: Message): void {
  const { session, state } = core;
  if (news) {
    const known = news.session.sessionId === session?.sessionId;
    if (news.opened || known || state.status === "loading") adopt(core, news);
    // Sent before a logout and heard after it, or two tabs with two sessions, or a login that was not heard: whose
    // cookies the browser holds, the server knows.
    else inquire(core);
  }
  if (ended && state.status !== "signed_out") {
    const { sessionId, reason } = ended;
    const ours = !session || !sessionId || sessionId === session.sessionId;
    if (ours) end(core, reason === "signed_out" ? "signed_out_elsewhere" : reason, true);
  }
  if (trouble) {
    const { error, failures, until } = trouble;
    core.failure ??= failure(error.code, error);
    core.failures = failures;
    core.until = Math.max(core.until, until);
    update(core);
  }
}
