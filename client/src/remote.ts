import type { Message } from "./channel.js";
import type { Core } from "./core.js";
import { SealringError } from "./errors.js";
import type { Keeper } from "./keeper.js";
import { isExpired } from "./session.js";

/**
 * Makes what acts on the messages of other tabs.
 *
 * @param inquire - asks the server who is signed in.
 */
export function createHearing<User>(
  core: Core<User>,
  keeper: Keeper<User>,
  inquire: () => void,
): (message: Message<User>) => void {
  const heardSession = (message: Message<User> & { kind: "session" }): void => {
    const { session, opened } = message;
    const state = core.store.get();
    const held = keeper.session();
    const expected = opened || held?.sessionId === session.sessionId || state.status === "loading";
    if (expected) {
      core.time.learn(message.sample);
      const attempt = core.attempts.merge(session, message.attempt);
      if (attempt !== null) core.channel.post({ ...message, attempt, opened: false });
      keeper.adopt(session, opened);
      return;
    }
    // Sent before a logout and heard after it, or two tabs with two sessions, or a login that was not heard: whose
    // cookies the browser holds, the server knows.
    inquire();
  };

  const heardEnd = (message: Message<User> & { kind: "ended" }): void => {
    const { status } = core.store.get();
    const held = keeper.session()?.sessionId ?? null;
    const ours = held === null || message.sessionId === null || message.sessionId === held;
    if (status !== "signed_out" && ours) keeper.end(message.reason, true);
  };

  const heardPause = ({ pause, code, status }: Message<User> & { kind: "pause" }): void => {
    const message = "Another tab could not refresh.";
    core.backoff.share(pause, new SealringError(message, { code, status, action: "retry" }));
    core.replan();
  };

  const heardAsk = (): void => {
    const { backoff, channel, time } = core;
    const [session, error, pause] = [keeper.session(), backoff.lastError(), backoff.pause()];
    if (session && !isExpired(session, time.now())) {
      const attempt = core.attempts.current(session);
      channel.post({ kind: "session", session, sample: time.sample(), attempt, opened: false });
    }
    if (error && pause) channel.post({ kind: "pause", pause, code: error.code, status: error.status });
  };

  return (message) => {
    switch (message.kind) {
      case "session":
        heardSession(message);
        return;
      case "ended":
        heardEnd(message);
        return;
      case "pause":
        heardPause(message);
        return;
      case "ask":
        heardAsk();
        return;
      case "input":
        core.activity.heard(message.at);
        core.replan();
        return;
    }
  };
}
