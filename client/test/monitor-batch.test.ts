import { expect, test } from "vitest";

import { batchSink, type BatchOptions, type Report } from "../src/monitor/index.js";
import { ManualClock, settle } from "./support/clock.js";

const WAKE: Report = { type: "wake", sleptMs: 5_000 };
const wakes = (many: number): Report[] => Array<Report>(many).fill(WAKE);

/** A server that answers with what it is told to, and then with 204. */
function setUp(options: BatchOptions = {}) {
  const clock = new ManualClock();
  const answers: (Response | Error | Promise<Response>)[] = [];
  const requests: { readonly url: string; readonly init: RequestInit; readonly events: unknown[] }[] = [];
  const sink = batchSink({
    clock,
    fetch: (input, init = {}) => {
      const { events } = JSON.parse(init.body as string) as { events: unknown[] };
      requests.push({ url: input as string, init, events });
      const answer = answers.shift() ?? new Response(null, { status: 204 });
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    ...options,
  });
  const take = (...reports: Report[]): void => {
    for (const each of reports) sink.take(each);
  };
  const sizes = (): number[] => requests.map((each) => each.events.length);
  return { clock, answers, requests, sink, take, sizes };
}

test("reports go together after a while, past the page's end and with the header of the CSRF rule", async () => {
  const it = setUp();
  it.take(WAKE);
  await it.clock.advance(9_000);
  it.take(WAKE);
  expect(it.requests).toEqual([]);
  await it.clock.advance(1_000);
  expect(it.sizes()).toEqual([2]);
  const [request] = it.requests;
  expect(request?.url).toBe("/auth/client-events");
  expect(request?.init.method).toBe("POST");
  expect(request?.init.keepalive).toBe(true);
  const headers = new Headers(request?.init.headers);
  expect([headers.get("Sealring-Client"), headers.get("Content-Type")]).toEqual(["1", "application/json"]);
  expect(it.clock.nextInMs()).toBeNull();
});

test("what is sent of each report is its name, a code and a number", async () => {
  const it = setUp();
  it.take(
    { type: "signed_in" },
    { type: "refreshed", outcome: "rotated", tookMs: 41, leadMs: 300_000 },
    { type: "refresh_failed", code: "timeout", failures: 2, retryInMs: 2_000 },
    { type: "adopted", generation: 7 },
    { type: "request_retried", code: "token_expired" },
    { type: "clock_skew", offsetMs: -9_000 },
    { type: "lock_timeout" },
    WAKE,
    { type: "signed_out", reason: "revoked", remote: true },
    { type: "signed_out", reason: null, remote: false },
    { type: "alert", code: "refresh_late", ms: -1_000 },
    { type: "alert", code: "reuse_detected", ms: null },
  );
  it.sink.flush?.();
  expect(it.requests[0]?.events).toEqual([
    { type: "signed_in" },
    { type: "refreshed", code: "rotated", ms: 41 },
    { type: "refresh_failed", code: "timeout", ms: 2_000 },
    { type: "adopted" },
    { type: "request_retried", code: "token_expired" },
    { type: "clock_skew", ms: -9_000 },
    { type: "lock_timeout" },
    { type: "wake", ms: 5_000 },
    { type: "signed_out", code: "revoked" },
    { type: "signed_out" },
    { type: "alert", code: "refresh_late", ms: -1_000 },
    { type: "alert", code: "reuse_detected" },
  ]);
  await settle();
});

test("only what the filter lets through, to where and when the application says", async () => {
  const it = setUp({ url: "/reports", everyMs: 1_000, filter: ({ type }) => type === "alert" });
  it.take(WAKE, { type: "alert", code: "clock_skew", ms: 1 });
  await it.clock.advance(1_000);
  expect(it.requests.map(({ url, events }) => [url, events.length])).toEqual([["/reports", 1]]);
});

test("a full batch goes at once, one request at a time, and the rest follows", async () => {
  const it = setUp();
  it.take(...wakes(120));
  expect(it.sizes()).toEqual([50]);
  await it.clock.advance(10_000);
  expect(it.sizes()).toEqual([50, 50]);
  await it.clock.advance(10_000);
  expect(it.sizes()).toEqual([50, 50, 20]);
});

test("a flush sends at once, and nothing when there is nothing", async () => {
  const it = setUp();
  it.sink.flush?.();
  it.take(WAKE);
  it.sink.flush?.();
  expect(it.sizes()).toEqual([1]);
  await settle();
  it.sink.flush?.();
  expect(it.sizes()).toEqual([1]);
  expect(it.clock.nextInMs()).toBeNull();
});

test("what failed is sent again after a pause that doubles, up to five minutes, in its order", async () => {
  const it = setUp();
  it.answers.push(new TypeError("Failed to fetch"), new Response("", { status: 502 }));
  it.take(WAKE);
  await it.clock.advance(10_000);
  it.take({ type: "signed_in" });
  it.sink.flush?.();
  await it.clock.advance(19_000);
  expect(it.sizes()).toEqual([1]);
  await it.clock.advance(1_000);
  expect(it.sizes()).toEqual([1, 2]);
  await it.clock.advance(39_000);
  expect(it.sizes()).toEqual([1, 2]);
  await it.clock.advance(1_000);
  expect(it.requests[2]?.events).toEqual([{ type: "wake", ms: 5_000 }, { type: "signed_in" }]);
  expect(it.clock.nextInMs()).toBeNull();
});

test("an outage of a day costs one request in five minutes and 200 reports of memory", async () => {
  const it = setUp();
  it.answers.push(...Array.from({ length: 500 }, () => new TypeError("Failed to fetch")));
  it.take(...wakes(500));
  await it.clock.advance(24 * 3_600_000);
  expect(it.requests.length).toBeLessThan(300);
  it.answers.length = 0;
  const before = it.requests.length;
  await it.clock.advance(600_000);
  expect(it.sizes().slice(before)).toEqual([50, 50, 50, 50]);
});

test("the server's Retry-After is kept", async () => {
  const it = setUp();
  it.answers.push(new Response("", { status: 429, headers: { "Retry-After": "600" } }));
  it.take(WAKE);
  await it.clock.advance(10_000 + 599_000);
  expect(it.sizes()).toEqual([1]);
  await it.clock.advance(1_000);
  expect(it.sizes()).toEqual([1, 1]);
});

test("what the server refuses is not sent again", async () => {
  const it = setUp();
  it.answers.push(new Response("", { status: 422 }));
  it.take(WAKE);
  await it.clock.advance(3_600_000);
  expect(it.sizes()).toEqual([1]);
  expect(it.clock.nextInMs()).toBeNull();
});
