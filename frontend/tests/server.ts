/** Stands at the network's place: answers what the pages ask for, in the words of spec/README.md. */

import { vi } from "vitest";

export interface Asked {
  method: string;
  path: string;
  search: URLSearchParams;
  body: unknown;
  headers: Headers;
}

export type Answer = (asked: Asked) => Response | Promise<Response>;

export interface Server {
  /** Every request so far. */
  asked: Asked[];
  /** Answers `METHOD /path` from now on. */
  on: (route: string, answer: Answer) => void;
}

/** Puts a server behind `fetch` until the test ends; a route that nobody answers fails like a dead network. */
export function startServer(): Server {
  const routes = new Map<string, Answer>();
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const { pathname, searchParams } = new URL(request.url);
    const text = await request.text();
    const body: unknown = text ? JSON.parse(text) : null;
    const seen = {
      method: request.method,
      path: pathname,
      search: searchParams,
      body,
      headers: request.headers,
    };
    asked.push(seen);
    const answer = routes.get(`${request.method} ${pathname}`);
    if (!answer) throw new TypeError(`nobody answers ${request.method} ${pathname}`);
    return answer(seen);
  });
  return { asked, on: (route, answer) => void routes.set(route, answer) };
}

export const USER = { id: "u1", email: "ada@example.org", name: "Ada Lovelace" };

/** A session answer; `more` replaces fields. */
export function sessionAnswer(outcome: string, more: object = {}): Response {
  return Response.json({
    outcome,
    now_ms: Date.now(),
    expires_in: 900,
    refresh_in: 600,
    idle_expires_in: 604_800,
    session_expires_in: 2_592_000,
    session_id: "s1",
    generation: 1,
    binding: "none",
    user: USER,
    ...more,
  });
}

/** A refusal in the one error shape. */
export function refusal(status: number, code: string, action: string, more: object = {}): Response {
  return Response.json(
    { error: "e", error_description: `Refused: ${code}.`, code, action, request_id: "r1", ...more },
    { status },
  );
}
