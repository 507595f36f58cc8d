import { execFileSync } from "node:child_process";

import { describe, expect, test } from "vitest";

import contract from "../../spec/error-codes.json" with { type: "json" };
import { CONTRACT } from "../src/errors.generated.js";
import { errorFrom, SealringError } from "../src/index.js";
import { refusal } from "./support/server.js";

describe("reading an error answer", () => {
  test.each(Object.keys(contract.codes) as (keyof typeof contract.codes)[])("%s", async (code) => {
    const { status, action, message } = contract.codes[code];
    const error = await errorFrom(refusal(code).response);
    expect(error).toBeInstanceOf(SealringError);
    expect(error).toMatchObject({ name: "SealringError", code, status, action, message, requestId: "req-1" });
  });

  test("a code that only a newer server knows is treated by its action", async () => {
    const response = Response.json({ code: "brand_new", action: "sign_in" }, { status: 401 });
    expect(await errorFrom(response)).toMatchObject({ code: "brand_new", action: "sign_in" });
  });

  test("a body without an action is treated by its status", async () => {
    const response = Response.json({ code: "E42" }, { status: 503 });
    expect(await errorFrom(response)).toMatchObject({ code: "E42", action: "retry", message: "E42" });
  });

  test.each([
    [500, "retry"],
    [502, "retry"],
    [503, "retry"],
    [429, "retry"],
    [400, "fix"],
    [401, "fix"],
    [403, "fix"],
    [404, "fix"],
  ] as const)("an answer without a body of ours, status %d, is `%s`", async (status, action) => {
    for (const body of ["<h1>no</h1>", "", "[1]", "null", '{"detail":"no"}', "{broken"]) {
      const response = new Response(body, { status, headers: { "Content-Type": "application/json" } });
      expect(await errorFrom(response)).toMatchObject({
        code: "http_error",
        action,
        status,
        requestId: null,
      });
    }
  });

  test.each([
    ["30", 30],
    ["0", null],
    [null, null],
    ["Mon, 23 Nov 2026 09:00:00 GMT", null],
  ])("Retry-After %j is %j seconds", async (header, expected) => {
    const response = new Response(null, {
      status: 503,
      headers: header === null ? {} : { "Retry-After": header },
    });
    expect((await errorFrom(response)).retryAfter).toBe(expected);
  });

  test("leaves the body to be read, and copes with one that was", async () => {
    const { response } = refusal("not_found");
    await errorFrom(response);
    expect(await response.json()).toMatchObject({ code: "not_found" });
    expect(await errorFrom(response)).toMatchObject({ code: "http_error", status: 404 });
  });
});

describe("the generated part", () => {
  test("agrees with spec/error-codes.json", () => {
    expect(CONTRACT).toBe(String(contract.contract));
    execFileSync(process.execPath, ["scripts/generate-errors.mjs", "--check"]);
  });
});
