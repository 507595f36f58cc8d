import { describe, expect, test } from "vitest";

import contract from "../../spec/error-codes.json" with { type: "json" };
import { SealringError, type SessionState, type SignedOutReason, type SignInCode } from "../src/index.js";
import type { Session } from "../src/session.js";
import { type Facts, reasonFor, stateOf } from "../src/state.js";

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

describe("the state follows from what is known", () => {
  const FACTS = { session: null, failure: null };
  const HELD = { ...FACTS, session: SESSION };
  test.each([
    ["nothing", FACTS, false, false, { status: "loading", error: null }],
    [
      "only that the server cannot be asked",
      { ...FACTS, failure: ERROR },
      true,
      false,
      { status: "loading", error: ERROR },
    ],
    ["a session", HELD, false, false, { status: "authenticated", session: SESSION }],
    ["a session that is being refreshed", HELD, true, false, { status: "refreshing", session: SESSION }],
    ["one whose token has expired", HELD, false, true, { status: "authenticated", session: SESSION }],
    [
      "one whose refresh fails",
      { ...HELD, failure: ERROR },
      false,
      false,
      { status: "authenticated", session: SESSION },
    ],
    [
      "one whose refresh fails while it has expired: the page still shows that during the next try",
      { ...HELD, failure: ERROR },
      true,
      true,
      { status: "degraded", session: SESSION, error: ERROR },
    ],
    ["an end", { ...FACTS, reason: "revoked" }, false, false, { status: "signed_out", reason: "revoked" }],
    [
      "that nobody was signed in",
      { ...FACTS, reason: null, failure: ERROR },
      false,
      false,
      { status: "signed_out", reason: null },
    ],
    [
      "a session after an end",
      { ...HELD, reason: "revoked" },
      false,
      false,
      { status: "authenticated", session: SESSION },
    ],
  ] satisfies [string, Facts, boolean, boolean, SessionState][])(
    "%s",
    (_case, facts, refreshing, expired, expected) => {
      expect(stateOf(facts, refreshing, expired)).toEqual(expected);
    },
  );
});

describe("the reason of an end", () => {
  const signIn = Object.entries(contract.codes).filter(([, entry]) => entry.action === "sign_in");

  test.each(signIn.map(([code]) => code))("%s has one", (code) => {
    expect(reasonFor(code, "signed_out_elsewhere")).not.toBeNull();
    expect(reasonFor(code, "signed_out_elsewhere")).not.toBe("signed_out");
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
      expect(reasonFor(code, null)).toBe(reason);
    },
  );

  test("a code that only a newer server knows is `invalid`", () => {
    expect(reasonFor("toString", null)).toBe("invalid");
  });
});
