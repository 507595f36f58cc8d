import { expect, test } from "vitest";

import { DEFAULT_QUERY, pageParameters, queryFromSearch, searchFromQuery } from "../lib/todo-query.ts";

test("a query comes back from the address that it was written to", () => {
  const query = { status: "done", sort: "newest", priority: "high", q: "buy & sell" } as const;
  expect(queryFromSearch(new URLSearchParams(searchFromQuery(query).toString()))).toEqual(query);
});

test("the default query leaves the address clean", () => {
  expect(searchFromQuery(DEFAULT_QUERY).toString()).toBe("");
});

test("what the address says wrongly is ignored", () => {
  expect(queryFromSearch(new URLSearchParams("status=gone&sort=up&priority=9"))).toEqual(DEFAULT_QUERY);
});

test("the API is asked only for what was chosen", () => {
  expect(pageParameters({ ...DEFAULT_QUERY, q: "  " }, "2026-05-04", null)).toEqual({
    today: "2026-05-04",
    status: "open",
    sort: "due",
    order: "asc",
  });
  expect(
    pageParameters(
      { ...DEFAULT_QUERY, q: " milk ", priority: "low", sort: "priority" },
      "2026-05-04",
      "next",
    ),
  ).toEqual({
    status: "open",
    sort: "priority",
    order: "desc",
    q: "milk",
    priority: "low",
    cursor: "next",
    today: "2026-05-04",
  });
});
