import { ACTIONS, type Action, type ErrorCode } from "./errors.generated.js";

/**
 * Codes that the client itself gives.
 *
 * - `network_error`: no answer came; status 0, action `retry`.
 * - `timeout`: no whole answer came in time; status 0, action `retry`.
 * - `http_error`: an error status without a body of ours, for example from a proxy; action by status.
 * - `answer_invalid`: a success whose body is not the contract's; action `fix`.
 * - `superseded`: a login or logout overtook the call, so its result was dropped; status 0, action `retry`.
 */
export type ClientErrorCode = "network_error" | "timeout" | "http_error" | "answer_invalid" | "superseded";

/** Every code of a {@link SealringError}; a newer server may send one that this list does not have. */
export type SealringErrorCode = ErrorCode | ClientErrorCode | (string & {});

/** What is wrong with one field of a request. */
export interface FieldError {
  /** Path of the field in the request body, for example `title`. */
  readonly field: string;
  /** One sentence for the person who filled it in. */
  readonly message: string;
}

/** What a {@link SealringError} is built from. */
export interface ErrorDetails {
  readonly code: SealringErrorCode;
  readonly action: Action;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly requestId?: string | null;
  /** Seconds to wait before the next try, or null. */
  readonly retryAfter?: number | null;
  readonly fields?: readonly FieldError[];
  readonly cause?: unknown;
}

/**
 * The one error that calls of this package reject with.
 *
 * Decide by `action`, show `message`, and look at `code` where one case needs its own words.
 */
export class SealringError extends Error {
  override readonly name = "SealringError";
  /** Stable name of the error. */
  readonly code: SealringErrorCode;
  /** What to do about it. */
  readonly action: Action;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The server's id of the failed request, for support; null when there was none. */
  readonly requestId: string | null;
  /** Seconds to wait before the next try; null when the server did not say. */
  readonly retryAfter: number | null;
  /** The fields that are wrong; empty unless the code is `validation_failed`. */
  readonly fields: readonly FieldError[];

  constructor(message: string, details: ErrorDetails) {
    super(message, { cause: details.cause });
    this.code = details.code;
    this.action = details.action;
    this.status = details.status;
    this.requestId = details.requestId ?? null;
    this.retryAfter = details.retryAfter ?? null;
    this.fields = details.fields ?? [];
  }
}

/**
 * Reads a failed answer into a {@link SealringError}.
 *
 * "A client treats an unknown code by its `action`, and an answer without a body of ours by its status: 5xx and 429
 * are `retry`, everything else is `fix`" (spec/README.md).
 *
 * @param response - an answer whose `ok` is false; its body stays readable.
 * @returns the error; never rejects.
 */
export async function errorFrom(response: Response): Promise<SealringError> {
  const body = await jsonOf(response);
  const action = ACTIONS.find((name) => name === body["action"]);
  const ours = typeof body["code"] === "string" && body["code"] !== "";
  return new SealringError(
    text(body["error_description"]) ?? `The server answered with status ${response.status}.`,
    {
      code: ours ? String(body["code"]) : "http_error",
      action: ours && action ? action : actionOfStatus(response.status),
      status: response.status,
      requestId: text(body["request_id"]),
      retryAfter: secondsOf(response.headers.get("Retry-After")),
      fields: fieldsOf(body["fields"]),
    },
  );
}

/** The error of a call that got no answer: `timeout` when its time was up, otherwise `network_error`. */
export function unreachable(cause: unknown, timedOut: boolean): SealringError {
  return timedOut
    ? new SealringError("The server did not answer in time.", {
        code: "timeout",
        action: "retry",
        status: 0,
        cause,
      })
    : new SealringError("The server cannot be reached.", {
        code: "network_error",
        action: "retry",
        status: 0,
        cause,
      });
}

/** The error of a call that a login or logout overtook. */
export function superseded(): SealringError {
  const message = "A login or logout overtook this call.";
  return new SealringError(message, { code: "superseded", action: "retry", status: 0 });
}

/** The error of a call that needs a session when nobody is signed in; the server was not asked. */
export function notSignedIn(): SealringError {
  return new SealringError("Nobody is signed in.", {
    code: "not_authenticated",
    action: "sign_in",
    status: 0,
  });
}

/** The error of a success whose body is not the contract's. */
export function answerInvalid(status: number): SealringError {
  const message = "The server's answer is not one of this client's contract.";
  return new SealringError(message, { code: "answer_invalid", action: "fix", status });
}

/** Whether a value is an object whose members can be looked at. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function actionOfStatus(status: number): Action {
  return status >= 500 || status === 429 ? "retry" : "fix";
}

async function jsonOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  if (response.bodyUsed || !response.headers.get("Content-Type")?.includes("json")) return {};
  try {
    const body: unknown = await response.clone().json();
    return isRecord(body) ? body : {};
  } catch {
    return {}; // Cut off or not JSON after all: judged by its status.
  }
}

function secondsOf(retryAfter: string | null): number | null {
  return retryAfter !== null && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null;
}

function fieldsOf(value: unknown): readonly FieldError[] {
  return Array.isArray(value) ? value.filter(isFieldError) : [];
}

function isFieldError(value: unknown): value is FieldError {
  return isRecord(value) && typeof value["field"] === "string" && typeof value["message"] === "string";
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
