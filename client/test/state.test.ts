import { describe, expect, test } from "vitest";

import contract from "../../spec/error-codes.json" with { type: "json" };
import { SealringError, type SessionState, type SignedOutReason, type SignInCode } from "../src/index.js";
import type { Session } from "../src/session.js";
import { answered, ended, failed, LOADING, reasonFor, refreshing } from "../src/state.js";

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
  test.each([
    ["an answer, loading", answered(LOADING, SESSION), AUTHENTICATED],
    ["an answer, refreshing", answered(REFRESHING, SESSION), AUTHENTICATED],
    ["an answer, degraded", answered(DEGRADED, SESSION), AUTHENTICATED],
    ["an answer, signed out", answered(SIGNED_OUT, SESSION), AUTHENTICATED],
    ["a refresh begun, authenticated", refreshing(AUTHENTICATED, true), REFRESHING],
    ["a refresh dropped, refreshing", refreshing(REFRESHING, false), AUTHENTICATED],
    ["a failure, loading", failed(LOADING, ERROR, false), { status: "loading", error: ERROR }],
    ["a failure while the token is good", failed(REFRESHING, ERROR, false), AUTHENTICATED],
    ["a failure when it has expired", failed(REFRESHING, ERROR, true), DEGRADED],
    ["an end", ended(AUTHENTICATED, "revoked"), SIGNED_OUT],
  ] satisfies [string, State, State][])("%s", (_case, state, expected) => {
    expect(state).toEqual(expected);
  });

  test.each([
    ["the same answer again", AUTHENTICATED, answered(AUTHENTICATED, structuredClone(SESSION))],
    ["a refresh begun, loading", LOADING, refreshing(LOADING, true)],
    ["a refresh begun, degraded: the page still shows that it is", DEGRADED, refreshing(DEGRADED, true)],
    ["a refresh dropped, degraded", DEGRADED, refreshing(DEGRADED, false)],
    ["a failure, signed out", SIGNED_OUT, failed(SIGNED_OUT, ERROR, true)],
    ["the same end again", SIGNED_OUT, ended(SIGNED_OUT, "revoked")],
  ] satisfies [string, State, State][])("%s is the same object", (_case, state, after) => {
    expect(after).toBe(state);
  });
});

describe("the reason of an end", () => {
  const signIn = Object.entries(contract.codes).filter(([, entry]) => entry.action === "sign_in");

  test.each(signIn.map(([code]) => code))("%s has one", (code) => {
    const error = new SealringError("", { code, action: "sign_in", status: 401 });
    expect(reasonFor(error, true)).not.toBeNull();
    expect(reasonFor(error, true)).not.toBe("signed_out");
  });

  test.each([
    ["not_authenticated", null],
    ["refresh_missing", null],
    ["token_invalid", "invalid"],
    ["refresh_invalid", "invalid"],
    ["login_superseded", "invalid"],
    ["token_revoked", "revoked"],
    ["session_revoked", "revoked"],
    ["session_expired_idle", "expired_idle"],
    ["session_expired_absolute", "expired_absolute"],
    ["session_reused", "reused"],
    ["subject_inactive", "inactive"],
    ["binding_failed", "binding_failed"],
  ] satisfies [SignInCode, SignedOutReason | null][])(
    "%s is %s where nobody was signed in",
    (code, reason) => {
      expect(reasonFor(new SealringError("", { code, action: "sign_in", status: 401 }), false)).toBe(reason);
    },
  );

  test("a code that only a newer server knows is `invalid`", () => {
    const error = new SealringError("", { code: "toString", action: "sign_in", status: 401 });
    expect(reasonFor(error, false)).toBe("invalid");
  });
});
