// @vitest-environment jsdom
import { SealringError } from "sealring";
import { beforeEach, expect, test } from "vitest";

import { api } from "../lib/api-client.ts";
import "./dom.ts";
import { refusal, type Server, startServer } from "./server.ts";

let server: Server;
beforeEach(() => {
  server = startServer();
});

test("every call goes to the own origin with the client's header", async () => {
  server.on("POST /api/todos", () => Response.json({ id: "t1" }, { status: 201 }));

  await api.createTodo({ title: "Water the tomatoes" });

  const [asked] = server.asked;
  expect(asked?.headers.get("Sealring-Client")).toBe("1");
  expect(asked?.headers.get("Content-Type")).toContain("application/json");
  expect(asked?.body).toEqual({ title: "Water the tomatoes" });
});

test("parameters become the address", async () => {
  server.on("GET /api/todos", () => Response.json({ items: [], next_cursor: null, counts: {} }));

  await api.listTodos({ status: "open", q: "a&b" });

  expect(Object.fromEntries(server.asked[0]?.search ?? [])).toEqual({ status: "open", q: "a&b" });
});

test("a refusal is thrown as a SealringError with its code and fields", async () => {
  const fields = [{ field: "title", message: "The title is too long." }];
  server.on("PATCH /api/todos/t1", () => refusal(422, "validation_failed", "fix", { fields }));

  const failure: unknown = await api.updateTodo("t1", { title: "x" }).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(SealringError);
  expect(failure).toMatchObject({ code: "validation_failed", status: 422, fields });
});

test("an answer without a body is a success", async () => {
  server.on("DELETE /api/todos/t1", () => new Response(null, { status: 204 }));

  await expect(api.deleteTodo("t1")).resolves.toBeUndefined();
});

test("a network that gives no answer is a SealringError that may be tried again", async () => {
  const failure: unknown = await api.deleteDone().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SealringError);
  expect(failure).toMatchObject({ code: "network_error", action: "retry" });
});
