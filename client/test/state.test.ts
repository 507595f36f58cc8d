import { describe, expect, test } from "vitest";

import contract from "../../spec/error-codes.json" with { type: "json" };
import { SealringError, type SessionState } from "../src/index.js";
import type { Session } from "../src/session.js";
import { type Change, LOADING, reasonFor, reduce } from "../src/state.js";

const SESSION: Session<{ name: string }> = {
  sessionId: "s",
  generation: 1,
  binding: "none",
  user: { name: "Ada" },
  answeredAt: 0,
  expiresAt: 900_000,
  refreshAt: 600_000,
  idleEndsAt: 1_000_000,
  endsAt: 2_000_000,
};
const ERROR = new SealringError("The store is down.", {
  code: "store_unavailable",
  action: "retry",
  status: 503,
});

type State = SessionState<{ name: string }>;
const AUTHENTICATED: State = { status: "authenticated", session: SESSION };
const REFRESHING: State = { status: "refreshing", session: SESSION };
const DEGRADED: State = { status: "degraded", session: SESSION, error: ERROR };
const SIGNED_OUT: State = { status: "signed_out", reason: "revoked" };

describe("the state after", () => {
  const answered: Change<{ name: string }> = { kind: "answered", session: SESSION };
  const failed = (expired: boolean): Change<{ name: string }> => ({ kind: "failed", error: ERROR, expired });

  test.each([
    ["an answer, loading", LOADING, answered, AUTHENTICATED],
    ["an answer, refreshing", REFRESHING, answered, AUTHENTICATED],
    ["an answer, degraded", DEGRADED, answered, AUTHENTICATED],
    ["an answer, signed out", SIGNED_OUT, answered, AUTHENTICATED],
    ["a refresh begun, authenticated", AUTHENTICATED, { kind: "refresh_started" }, REFRESHING],
    ["a refresh dropped, refreshing", REFRESHING, { kind: "refresh_dropped" }, AUTHENTICATED],
    ["a failure, loading", LOADING, failed(false), { status: "loading", error: ERROR }],
    ["a failure while the token is good", REFRESHING, failed(false), AUTHENTICATED],
    ["a failure when it has expired", REFRESHING, failed(true), DEGRADED],
    ["an end", AUTHENTICATED, { kind: "ended", reason: "revoked" }, SIGNED_OUT],
  ] satisfies [string, State, Change<{ name: string }>, State][])("%s", (_case, state, change, expected) => {
    expect(reduce<{ name: string }>(state, change)).toEqual(expected);
  });

  test.each([
    ["the same answer again", AUTHENTICATED, { kind: "answered", session: structuredClone(SESSION) }],
    ["a refresh begun, loading", LOADING, { kind: "refresh_started" }],
    ["a refresh begun, degraded: the page still shows that it is", DEGRADED, { kind: "refresh_started" }],
    ["a refresh dropped, degraded", DEGRADED, { kind: "refresh_dropped" }],
    ["a failure, signed out", SIGNED_OUT, failed(true)],
    ["the same end again", SIGNED_OUT, { kind: "ended", reason: "revoked" }],
  ] satisfies [string, State, Change<{ name: string }>][])(
    "%s is the same object",
    (_case, state, change) => {
      expect(reduce<{ name: string }>(state, change)).toBe(state);
    },
  );
});

describe("the reason of an end", () => {
  const signIn = Object.entries(contract.codes).filter(([, entry]) => entry.action === "sign_in");

  test.each(signIn.map(([code]) => code))("%s has one", (code) => {
    const error = new SealringError("", { code, action: "sign_in", status: 401 });
    expect(reasonFor(error, true)).not.toBeNull();
    expect(reasonFor(error, true)).not.toBe("signed_out");
  });

  test("a code that only a newer server knows is `invalid`", () => {
    const error = new SealringError("", { code: "toString", action: "sign_in", status: 401 });
    expect(reasonFor(error, false)).toBe("invalid");
  });
});
