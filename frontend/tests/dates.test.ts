import { expect, test } from "vitest";

import { agoInWords, dayInWords, dayOf, spanInWords } from "../lib/dates.ts";

test("a day is the reader's own calendar day", () => {
  expect(dayOf(new Date(2026, 0, 5, 0, 30))).toBe("2026-01-05");
  expect(dayOf(new Date(2026, 11, 31, 23, 59))).toBe("2026-12-31");
});

test.each([
  ["2026-05-04", "Today"],
  ["2026-05-05", "Tomorrow"],
  ["2026-05-03", "Yesterday"],
  ["2026-05-11", "Mon 11 May"],
  ["2027-01-02", "2 Jan 2027"],
])("seen from 4 May 2026, %s is %s", (day, words) => {
  expect(dayInWords(day, "2026-05-04").replace(",", "")).toBe(words);
});

test("the change to summer time does not move tomorrow", () => {
  expect(dayInWords("2026-03-30", "2026-03-29")).toBe("Tomorrow");
});

test.each([
  [44_000, "just now"],
  [60_000, "1 minute ago"],
  [59 * 60_000, "59 minutes ago"],
  [3_600_000, "1 hour ago"],
  [86_400_000, "yesterday"],
])("%i ms ago is %s", (ms, words) => {
  expect(agoInWords(1_000_000_000_000 - ms, 1_000_000_000_000)).toBe(words);
});

test.each([
  [-5, "0 s"],
  [42_000, "42 s"],
  [552_000, "9 min 12 s"],
  [18_180_000, "5 h 3 min"],
  [6.5 * 86_400_000, "6 days 12 h"],
])("%i ms ahead is %s", (ms, words) => {
  expect(spanInWords(ms)).toBe(words);
});
