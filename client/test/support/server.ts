import contract from "../../../spec/error-codes.json" with { type: "json" };
import type { ErrorCode } from "../../src/index.js";
import type { ManualClock } from "./clock.js";

/** The cookies of one browser; script never sees them. */
export interface Jar {
  refresh: { readonly sid: string; readonly generation: number } | null;
  access: { readonly sid: string; readonly expiresAt: number } | null;
}

/** One request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

interface Row {
  readonly sid: string;
  readonly email: string;
  readonly absoluteEnd: number;
  generation: number;
  idleEnd: number;
  ended: ErrorCode | null;
  /** The attempt id of the last rotation. */
  attempt: string | null;
  /** Replays under another id than the rotation's: somebody else's, as far as the server can tell. */
  foreign: number;
}

interface Reply {
  readonly response: Response;
  /** What the answer's Set-Cookie headers do when it arrives. */
  readonly cookies?: (jar: Jar) => void;
}

export type Override = (answer: () => Reply) => Reply;

export const ORIGIN = "https://todo.example";
const HOUR = 3_600_000;

/** The contract of spec/README.md in memory: one account for each e-mail, the password is `right`. */
export class TestServer {
  readonly seen: Seen[] = [];
  readonly rows = new Map<string, Row>();
  lifetimeMs = 900_000;
  idleMs = 168 * HOUR;
  absoluteMs = 720 * HOUR;
  /** Milliseconds that this server's clock is ahead of the browser's. */
  skewMs = 0;
  /** Milliseconds on the way, there and back. */
  latencyMs = 0;
  userOf: (email: string) => unknown = (email) => ({ email });
  readonly #clock: ManualClock;
  readonly #overrides = new Map<string, Override[]>();
  readonly #held = new Map<string, { readonly answers: Promise<void>; left: number }>();
  #nextSid = 1;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now() + this.skewMs;
  }

  calls(path: string): Seen[] {
    return this.seen.filter((each) => each.path === path);
  }

  /** Treats the next requests to a path differently, one override each; `answer` does what it would have done. */
  next(path: string, ...overrides: Override[]): void {
    this.#overrides.set(path, [...(this.#overrides.get(path) ?? []), ...overrides]);
  }

  /** Acts on the next requests to a path at once, but keeps the answers back until the result is called. */
  hold(path: string, requests = Number.POSITIVE_INFINITY): () => void {
    let release = (): void => undefined;
    const answers = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#held.set(path, { answers, left: requests });
    return () => {
      this.#held.delete(path);
      release();
    };
  }

  /** Opens a session without a request, as an earlier visit would have. */
  open(jar: Jar, email = "ada@example.com"): Row {
    const now = this.now();
    const sid = `session-${this.#nextSid}`;
    this.#nextSid += 1;
    const row: Row = {
      sid,
      email,
      absoluteEnd: now + this.absoluteMs,
      generation: 1,
      idleEnd: now + this.idleMs,
      ended: null,
      attempt: null,
      foreign: 0,
    };
    this.rows.set(sid, row);
    this.#setCookies(row)(jar);
    return row;
  }

  /** Forgets what was to be treated differently. */
  calm(): void {
    this.#overrides.clear();
  }

  row(jar: Jar): Row {
    const row = this.rows.get(jar.refresh?.sid ?? "");
    if (!row) throw new Error("this browser has no session");
    return row;
  }

  /** A browser's way here: cookies go along at once, and are changed when the answer arrives, unless given up. */
  fetchFor(jar: Jar): typeof fetch {
    return async (input, init) => {
      const request = new Request(input, init);
      const path = new URL(request.url).pathname;
      const text = await request.text();
      const sent: Jar = { ...jar };
      request.signal.throwIfAborted();
      const seen = { method: request.method, path, headers: request.headers, body: parse(text) };
      this.seen.push(seen);
      const override = this.#overrides.get(path)?.shift();
      const answer = (): Reply => this.#answer(seen, sent);
      const { response, cookies } = override ? override(answer) : answer();
      await abortable(this.#onTheWay(path), request.signal);
      cookies?.(jar);
      return response;
    };
  }

  async #onTheWay(path: string): Promise<void> {
    const held = this.#held.get(path);
    if (held && held.left > 0) {
      held.left -= 1;
      await held.answers;
    }
    if (this.latencyMs > 0) {
      await new Promise<void>((resolve) => {
        this.#clock.after(this.latencyMs, resolve);
      });
    }
  }

  #answer(seen: Seen, jar: Jar): Reply {
    const route = `${seen.method} ${seen.path}`;
    if (route === "POST /auth/login") return this.#login(seen, jar);
    if (route === "POST /auth/refresh") return this.#refresh(seen, jar);
    if (route === "POST /auth/logout") return this.#logout(jar);
    const row = this.#authenticate(jar);
    if (typeof row === "string") return refusal(row);
    if (route === "GET /auth/session")
      return { response: this.#session("current", row, jar.access?.expiresAt) };
    if (route === "GET /auth/sessions") return { response: Response.json(this.#list(row)) };
    if (route === "POST /auth/logout-all") return this.#logoutAll(row);
    if (seen.path.startsWith("/auth/sessions/"))
      return this.#endOne(row, seen.path.slice("/auth/sessions/".length));
    return { response: Response.json({ path: seen.path, body: seen.body, email: row.email }) };
  }

  #login(seen: Seen, jar: Jar): Reply {
    const { email, password } = seen.body as { email: string; password: string };
    if (password !== "right") return refusal("credentials_invalid");
    this.#end(jar.refresh?.sid, "session_revoked");
    const row = this.open({ refresh: null, access: null }, email);
    return { response: this.#session("opened", row), cookies: this.#setCookies(row) };
  }

  #refresh(seen: Seen, jar: Jar): Reply {
    const row = this.rows.get(jar.refresh?.sid ?? "");
    if (!jar.refresh) return refusal("refresh_missing");
    if (!row) return refusal("refresh_invalid");
    this.#expire(row);
    if (row.ended) return refusal(row.ended);
    if (jar.refresh.generation < row.generation - 1) {
      this.#end(row.sid, "session_reused");
      return refusal("session_reused");
    }
    const rotates = jar.refresh.generation === row.generation;
    const body = seen.body as { attempt: string; idle_for?: number } | undefined;
    if (rotates) {
      row.generation += 1;
      row.attempt = body?.attempt ?? null;
    } else if (body?.attempt !== row.attempt) row.foreign += 1;
    row.idleEnd = Math.max(row.idleEnd, this.now() - (body?.idle_for ?? 0) * 1_000 + this.idleMs);
    return { response: this.#session(rotates ? "rotated" : "replayed", row), cookies: this.#setCookies(row) };
  }

  #logout(jar: Jar): Reply {
    const ended = this.#end(jar.refresh?.sid, "session_revoked");
    return { response: Response.json({ outcome: "signed_out", ended }), cookies: clearCookies };
  }

  #logoutAll(row: Row): Reply {
    const mine = [...this.rows.values()].filter((each) => each.email === row.email);
    const ended = mine.reduce((sum, each) => sum + this.#end(each.sid, "session_revoked"), 0);
    return { response: Response.json({ outcome: "signed_out", ended }), cookies: clearCookies };
  }

  #endOne(row: Row, sid: string): Reply {
    if (this.rows.get(sid)?.email !== row.email) return refusal("not_found");
    this.#end(sid, "session_revoked");
    if (sid !== row.sid) return { response: Response.json({ outcome: "ended", ended: 1 }) };
    return { response: Response.json({ outcome: "signed_out", ended: 1 }), cookies: clearCookies };
  }

  #authenticate(jar: Jar): Row | ErrorCode {
    if (!jar.refresh) return "not_authenticated";
    if (!jar.access) return "token_missing";
    const row = this.rows.get(jar.access.sid);
    if (!row || row.ended) return "token_revoked";
    return this.now() >= jar.access.expiresAt ? "token_expired" : row;
  }

  #expire(row: Row): void {
    if (this.now() >= row.absoluteEnd) this.#end(row.sid, "session_expired_absolute");
    else if (this.now() >= row.idleEnd) this.#end(row.sid, "session_expired_idle");
  }

  #end(sid: string | undefined, code: ErrorCode): 0 | 1 {
    const row = this.rows.get(sid ?? "");
    if (!row || row.ended) return 0;
    row.ended = code;
    return 1;
  }

  #tokenEnd(row: Row): number {
    return Math.min(this.now() + this.lifetimeMs, row.absoluteEnd);
  }

  #session(outcome: string, row: Row, tokenEnd = this.#tokenEnd(row)): Response {
    const now = this.now();
    const life = Math.min(this.lifetimeMs, row.absoluteEnd - now);
    const refreshAt = tokenEnd - Math.min(300_000, life / 2);
    return Response.json({
      outcome,
      now_ms: now,
      expires_in: (tokenEnd - now) / 1_000,
      refresh_in: Math.max(0, refreshAt - now) / 1_000,
      idle_expires_in: (row.idleEnd - now) / 1_000,
      session_expires_in: (row.absoluteEnd - now) / 1_000,
      session_id: row.sid,
      generation: row.generation,
      binding: "none",
      user: this.userOf(row.email),
    });
  }

  #list(row: Row): unknown {
    const mine = [...this.rows.values()].filter((each) => each.email === row.email && !each.ended);
    return {
      sessions: mine.map((each) => ({
        session_id: each.sid,
        current: each === row,
        device: "Firefox on Linux",
        created_at_ms: 1_000,
        last_seen_ms: 2_000,
        expires_at_ms: Math.min(each.idleEnd, each.absoluteEnd),
      })),
    };
  }

  #setCookies(row: Row): (jar: Jar) => void {
    const refresh = { sid: row.sid, generation: row.generation };
    const access = { sid: row.sid, expiresAt: this.#tokenEnd(row) };
    return (jar) => {
      Object.assign(jar, { refresh, access });
    };
  }
}

function clearCookies(jar: Jar): void {
  Object.assign(jar, { refresh: null, access: null });
}

/** The contract's error answer for a code. */
export function refusal(code: ErrorCode, headers: Record<string, string> = {}, extra: object = {}): Reply {
  const { status, error, action, message } = contract.codes[code];
  const body = { error, error_description: message, code, action, request_id: "req-1", ...extra };
  return { response: Response.json(body, { status, headers }) };
}

/** The server acts, but its answer never arrives: neither body nor cookies. */
export const lost: Override = (answer) => {
  answer();
  throw new TypeError("Failed to fetch");
};

/** The request never arrives. */
export const offline: Override = () => {
  throw new TypeError("Failed to fetch");
};

/** Refuses with a code of the contract. */
export function refuse(code: ErrorCode, headers: Record<string, string> = {}): Override {
  return () => refusal(code, headers);
}

/** Answers with something that is not of the contract. */
export function proxy(status: number, body = "<h1>Bad gateway</h1>"): Override {
  return () => ({ response: new Response(body, { status, headers: { "Content-Type": "text/html" } }) });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function abortable(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
    work.then(resolve, reject);
  });
}
