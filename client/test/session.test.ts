import { describe, expect, test } from "vitest";

import { isNewer, isOlder, readAnswer, refreshDue, type Session, usableUntil } from "../src/session.js";

const NOW = 1_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const BODY = {
  outcome: "rotated",
  now_ms: NOW,
  expires_in: 900,
  refresh_in: 600,
  idle_expires_in: 604_800,
  session_expires_in: 2_592_000,
  session_id: "s",
  generation: 3,
  binding: "none",
  user: { name: "Ada" },
};

const SESSION: Session = {
  sessionId: "s",
  generation: 3,
  binding: "none",
  user: { name: "Ada" },
  answeredAt: NOW,
  expiresAt: NOW + 15 * MINUTE,
  refreshAt: NOW + 10 * MINUTE,
  idleEndsAt: NOW + 168 * HOUR,
  endsAt: NOW + 720 * HOUR,
};

describe("reading a session answer", () => {
  test("turns the seconds from the server's now into times", () => {
    expect(readAnswer(BODY)).toEqual({ outcome: "rotated", session: SESSION });
  });

  test("takes members that a newer server adds", () => {
    expect(readAnswer({ ...BODY, extra: 1 }).session).toEqual(SESSION);
    expect(readAnswer({ ...BODY, outcome: "brand_new" }).outcome).toBe("brand_new");
  });

  test.each([null, undefined, "text", 5, [], {}])("%j is none", (body) => {
    expect(() => readAnswer(body)).toThrow("answer_invalid");
  });

  test.each(Object.keys(BODY).filter((name) => !["user", "outcome", "binding"].includes(name)))(
    "one without %s is none",
    (name) => {
      expect(() => readAnswer({ ...BODY, [name]: undefined })).toThrow("answer_invalid");
    },
  );

  test.each([
    ["now_ms", "1000000"],
    ["generation", null],
    ["expires_in", "soon"],
    ["session_id", 7],
  ])("one whose %s is %j is none", (name, value) => {
    expect(() => readAnswer({ ...BODY, [name]: value })).toThrow("answer_invalid");
  });
});

describe("generations", () => {
  test.each([
    ["a lower one of the same session is older", { ...SESSION, generation: 2 }, SESSION, true],
    ["the same one is not", SESSION, SESSION, false],
    ["a higher one is not", { ...SESSION, generation: 4 }, SESSION, false],
    [
      "those of another session are not compared",
      { ...SESSION, sessionId: "t", generation: 1 },
      SESSION,
      false,
    ],
    ["nothing held, nothing older", SESSION, null, false],
  ] as const)("%s", (_case, answer, held, expected) => {
    expect(isOlder(answer, held)).toBe(expected);
  });
});

describe("newer cookies", () => {
  test.each([
    ["a higher generation has them", { ...SESSION, generation: 4 }, true],
    [
      "a later token of the same generation has them",
      { ...SESSION, expiresAt: SESSION.expiresAt + 1_000 },
      true,
    ],
    ["another session has them", { ...SESSION, sessionId: "t", generation: 1 }, true],
    [
      "the same token, told of a little differently, has not",
      { ...SESSION, expiresAt: SESSION.expiresAt + 2 },
      false,
    ],
    ["a lower generation has not", { ...SESSION, generation: 2 }, false],
  ] as const)("%s", (_case, session, expected) => {
    expect(isNewer(session, SESSION)).toBe(expected);
  });
});

describe("until when the access token is good enough", () => {
  test.each([
    ["5 s before its end", SESSION, NOW + 15 * MINUTE - 5_000],
    ["a tenth of a short life before its end", { ...SESSION, expiresAt: NOW + 2_000 }, NOW + 1_800],
  ] as const)("%s", (_case, session, expected) => {
    expect(usableUntil(session)).toBe(expected);
  });
});

describe("when to refresh", () => {
  test("when the server said, without jitter", () => {
    expect(refreshDue(SESSION, 0, NOW - HOUR)).toBe(SESSION.refreshAt);
  });

  test("the jitter only moves it earlier, by at most 30 s or 5 % of the token's life", () => {
    for (let step = 0; step < 1_000; step += 1) {
      const lifeMs = 1_000 + step * 7_919;
      const session = {
        ...SESSION,
        expiresAt: NOW + lifeMs,
        refreshAt: NOW + lifeMs - Math.min(300_000, lifeMs / 2),
      };
      const due = refreshDue(session, (step * 0.618) % 1, NOW - HOUR);
      const earliest = session.refreshAt - Math.min(30_000, lifeMs * 0.05);
      expect(due).toBeGreaterThanOrEqual(Math.min(earliest, NOW + 1_000));
      expect(due).toBeLessThanOrEqual(Math.max(session.refreshAt, NOW + 1_000));
    }
  });

  test("never within a second of the last answer", () => {
    expect(refreshDue({ ...SESSION, refreshAt: NOW - HOUR }, 0, NOW - HOUR)).toBe(NOW + 1_000);
  });

  test("just after the absolute end when the token already lives as long as its session", () => {
    const session = { ...SESSION, endsAt: SESSION.expiresAt };
    expect(refreshDue(session, 0, NOW - HOUR)).toBe(session.endsAt + 1_000);
  });

  test("just after the idle end when nobody is there", () => {
    const session = { ...SESSION, idleEndsAt: NOW + 5 * MINUTE };
    expect(refreshDue(session, 0, NOW - HOUR)).toBe(session.idleEndsAt + 1_000);
  });

  test("a minute before the idle end when the user has been active since the answer", () => {
    const session = { ...SESSION, idleEndsAt: NOW + 5 * MINUTE };
    expect(refreshDue(session, 0, NOW + 1)).toBe(NOW + 4 * MINUTE);
  });

  test("just after the end when activity cannot move the idle end any further", () => {
    const session = { ...SESSION, endsAt: SESSION.expiresAt, idleEndsAt: SESSION.expiresAt };
    expect(refreshDue(session, 0, NOW + 1)).toBe(session.endsAt + 1_000);
  });

  test("half-way to an idle end that is near when the user has been active", () => {
    const session = { ...SESSION, idleEndsAt: NOW + 20_000 };
    expect(refreshDue(session, 0, NOW + 1)).toBe(NOW + 10_000);
  });
});
