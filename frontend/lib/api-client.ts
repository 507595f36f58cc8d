/** The one configured client of these pages: the session and every typed call of the Todo API. */

import createFetch from "openapi-fetch";
import { createClient, errorFrom, SealringError } from "sealring";

import type { components, paths } from "./api-types.ts";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Todo = Schemas["Todo"];
export type TodoDraft = Schemas["TodoDraft"];
export type TodoPatch = Schemas["TodoPatch"];
export type TodoPage = Schemas["TodoPage"];
export type Counts = Schemas["Counts"];
export type Priority = Schemas["Priority"];
export type TodoListQuery = NonNullable<paths["/api/todos"]["get"]["parameters"]["query"]>;

/** Holds the session: renews it in time, notices its end in every tab, and never shows a token to a script. */
export const client = createClient<User>({ name: "sealring-todo" });

/** Where the server tells of changes of the list. */
export const LIVE_LIST_URL = `${window.location.origin.replace(/^http/, "ws")}/api/todos/live`;

const http = createFetch<paths>({ baseUrl: window.location.origin, fetch: client.fetch });
http.use({
  async onResponse({ response }) {
    if (!response.ok) throw await errorFrom(response);
  },
});

/** Every call rejects with a `SealringError`, or with the reason of its own abort signal. */
export const api = {
  createAccount: (body: { email: string; password: string; name: string }) =>
    data(http.POST("/api/account", { body })),
  changePassword: (current_password: string, new_password: string) =>
    data(http.POST("/api/account/password", { body: { current_password, new_password } })),
  deleteAccount: (password: string) => done(http.DELETE("/api/account", { body: { password } })),

  listTodos: (query: TodoListQuery, signal?: AbortSignal) =>
    data(http.GET("/api/todos", { params: { query }, ...(signal ? { signal } : {}) })),
  createTodo: (body: TodoDraft) => data(http.POST("/api/todos", { body })),
  updateTodo: (id: string, body: TodoPatch) =>
    data(http.PATCH("/api/todos/{id}", { params: { path: { id } }, body })),
  /** Outlives the page: an undo that was not used is carried out even while the tab closes. */
  deleteTodo: (id: string) =>
    done(http.DELETE("/api/todos/{id}", { params: { path: { id } }, keepalive: true })),
  deleteDone: () => data(http.DELETE("/api/todos", { params: { query: { status: "done" } } })),
};

async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  try {
    return (await answer).data as T;
  } catch (error) {
    // What `fetch` throws when no answer came, or only half of one.
    if (!(error instanceof TypeError)) throw error;
    const details = { code: "network_error", action: "retry", status: 0, cause: error } as const;
    throw new SealringError("The server cannot be reached.", details);
  }
}

async function done(answer: Promise<{ data?: unknown }>): Promise<void> {
  await data(answer);
}
