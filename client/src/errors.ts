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
  declare readonly code: SealringErrorCode;
  /** What to do about it. */
  declare readonly action: Action;
  /** HTTP status; 0 when there was no answer. */
  declare readonly status: number;
  /** The server's id of the failed request, for support; null when there was none. */
  readonly requestId: string | null = null;
  /** Seconds to wait before the next try; null when the server did not say. */
  readonly retryAfter: number | null = null;
  /** The fields that are wrong; empty unless the code is `validation_failed`. */
  readonly fields: readonly FieldError[] = [];

  constructor(message: string, { cause, ...details }: ErrorDetails) {
    super(message, { cause });
    Object.assign(this, details);
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
  const { status } = response;
  const { code, action, error_description: message, request_id: requestId, fields } = await bodyOf(response);
  const ours = isText(code) && code !== "";
  const retryAfter = response.headers.get("Retry-After") ?? "";
  return new SealringError(isText(message) ? message : `The server answered with status ${status}.`, {
    code: ours ? code : "http_error",
    action:
      ACTIONS.find((name) => ours && name === action) ?? (status >= 500 || status === 429 ? "retry" : "fix"),
    status,
    requestId: isText(requestId) ? requestId : null,
    retryAfter: /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null,
    fields: Array.isArray(fields) ? fields.filter(isFieldError) : [],
  });
}

/** An error of the client's own; status 0 and action `retry` unless it says otherwise. */
export function failure(
  code: ClientErrorCode,
  message: string,
  details: Partial<ErrorDetails> = {},
): SealringError {
  return new SealringError(message, { code, action: "retry", status: 0, ...details });
}

/** The error of a call that a login or logout overtook. */
export function superseded(): SealringError {
  return failure("superseded", "A login or logout overtook this call.");
}

/** The error of a success whose body is not the contract's. */
export function answerInvalid(): SealringError {
  return failure("answer_invalid", "The server's answer is not of the contract.", {
    action: "fix",
    status: 200,
  });
}

/** Whether a value is an object whose members can be looked at. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Whether a value is a string. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

async function bodyOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    const body: unknown = await response.clone().json();
    return isRecord(body) ? body : {};
  } catch {
    return {}; // Not JSON, cut off, or read before: judged by its status.
  }
}

function isFieldError(value: unknown): value is FieldError {
  return isRecord(value) && isText(value["field"]) && isText(value["message"]);
}
