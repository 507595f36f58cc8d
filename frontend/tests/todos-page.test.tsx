// @vitest-environment jsdom
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";

import { ToastsProvider } from "../components/ui/Toasts.tsx";
import type { Todo } from "../lib/api-client.ts";
import { TodosPage } from "../pages/TodosPage.tsx";
import "./dom.ts";
import { refusal, type Server, startServer } from "./server.ts";

function todo(id: string, title: string, more: Partial<Todo> = {}): Todo {
  const moment = "2026-05-01T08:00:00Z";
  const times = { created_at: moment, updated_at: moment, done_at: null };
  return { id, title, notes: "", due_on: null, priority: "normal", done: false, ...times, ...more };
}

let server: Server;
let kept: Todo[];

beforeEach(() => {
  server = startServer();
  kept = [todo("t1", "Renew passport", { due_on: "2020-01-01" }), todo("t2", "Call Grandma")];
  server.on("GET /api/todos", () =>
    Response.json({ items: kept, next_cursor: null, counts: { open: kept.length, done: 0, overdue: 1 } }),
  );
});

async function openList() {
  render(
    <ToastsProvider>
      <TodosPage />
    </ToastsProvider>,
  );
  await screen.findByRole("checkbox", { name: "Call Grandma" });
  return userEvent.setup();
}

const summary = () => screen.getByTestId("summary").textContent;

test("a todo is ticked at once, and stays so when the server agrees", async () => {
  let agree!: (answer: Response) => void;
  server.on("PATCH /api/todos/t2", () => new Promise((resolve) => (agree = resolve)));
  const user = await openList();

  await user.click(screen.getByRole("checkbox", { name: "Call Grandma" }));
  expect(screen.getByRole<HTMLInputElement>("checkbox", { name: "Call Grandma" }).checked).toBe(true);
  expect(summary()).toBe("1 open1 overdue1 done");

  await waitFor(() => expect(server.asked.at(-1)?.body).toEqual({ done: true }));
  agree(Response.json(todo("t2", "Call Grandma, on Sunday", { done: true })));
  const answered = await screen.findByRole<HTMLInputElement>("checkbox", { name: "Call Grandma, on Sunday" });
  expect(answered.checked).toBe(true);
});

test("a tick that the server refuses is taken back, and said", async () => {
  server.on("PATCH /api/todos/t2", () => refusal(500, "internal_error", "retry"));
  const user = await openList();

  await user.click(screen.getByRole("checkbox", { name: "Call Grandma" }));

  expect((await screen.findByRole("alert")).textContent).toContain("“Call Grandma” was not changed.");
  expect(screen.getByRole<HTMLInputElement>("checkbox", { name: "Call Grandma" }).checked).toBe(false);
});

test("a deleted todo can be brought back, and the server never hears of it", async () => {
  const user = await openList();
  await user.click(screen.getByRole("button", { name: "Delete Call Grandma" }));
  expect(screen.queryByRole("checkbox", { name: "Call Grandma" })).toBeNull();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Delete Renew passport" }));

  await user.click(screen.getByRole("button", { name: "Undo" }));

  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Edit Call Grandma" }));
  expect(server.asked.every(({ method }) => method === "GET")).toBe(true);
});

test("a deletion is carried out when the offer to undo is dismissed", async () => {
  server.on("DELETE /api/todos/t2", () => new Response(null, { status: 204 }));
  const user = await openList();
  await user.click(screen.getByRole("button", { name: "Delete Call Grandma" }));
  await user.click(screen.getByRole("button", { name: "Dismiss" }));

  await waitFor(() => expect(server.asked.some(({ method }) => method === "DELETE")).toBe(true));
  await waitFor(() => expect(summary()).toBe("1 open1 overdue0 done"));
});

test("a new todo stands on top, and the line is ready for the next one", async () => {
  server.on("POST /api/todos", () => Response.json(todo("t3", "Water the tomatoes"), { status: 201 }));
  const user = await openList();
  const line = screen.getByRole("textbox", { name: "New todo" });

  await user.type(line, "  Water the tomatoes {Enter}");

  const list = screen.getByRole("list", { name: "Todos" });
  await within(list).findByRole("checkbox", { name: "Water the tomatoes" });
  expect(within(list).getAllByRole("checkbox")[0]?.getAttribute("aria-label")).toBe("Water the tomatoes");
  expect(server.asked.at(-1)?.body).toEqual({
    title: "Water the tomatoes",
    due_on: null,
    priority: "normal",
  });
  expect(document.activeElement).toBe(line);
});

test("only what was changed in the dialog is sent", async () => {
  server.on("PATCH /api/todos/t2", () => Response.json(todo("t2", "Call Grandma", { notes: "Sunday" })));
  const user = await openList();
  await user.click(screen.getByRole("button", { name: "Edit Call Grandma" }));
  const dialog = screen.getByRole("dialog", { name: "Edit todo" });
  await user.type(within(dialog).getByLabelText(/^Notes/), "Sunday");
  await user.click(within(dialog).getByRole("button", { name: "Save" }));

  expect(await screen.findByText("Sunday")).toBeTruthy();
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(server.asked.at(-1)?.body).toEqual({ notes: "Sunday" });
});

test("the server's word about a field stands beside that field, and the dialog stays open", async () => {
  const fields = [{ field: "title", message: "The title is too long." }];
  server.on("PATCH /api/todos/t2", () => refusal(422, "validation_failed", "fix", { fields }));
  const user = await openList();
  await user.click(screen.getByRole("button", { name: "Edit Call Grandma" }));
  const title = screen.getByLabelText("Title");
  await user.type(title, "!");
  await user.click(screen.getByRole("button", { name: "Save" }));

  expect((await screen.findByText("The title is too long.")).id).toBe(title.getAttribute("aria-describedby"));
  expect(document.activeElement).toBe(title);
});

test("an overdue todo says so in words", async () => {
  await openList();
  expect(screen.getByText(/Overdue:/).textContent).toContain("1 Jan 2020");
});

test("the server's word about the new todo stands under the line, and what was typed stays", async () => {
  const fields = [{ field: "title", message: "There are too many todos." }];
  server.on("POST /api/todos", () => refusal(422, "validation_failed", "fix", { fields }));
  const user = await openList();
  const line = screen.getByRole<HTMLInputElement>("textbox", { name: "New todo" });
  await user.type(line, "One more{Enter}");

  expect((await screen.findByRole("alert")).textContent).toBe("There are too many todos.");
  expect(line.value).toBe("One more");
  expect(document.activeElement).toBe(line);
});
