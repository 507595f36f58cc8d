import type { Action, ErrorCode } from "./errors.generated.js";

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
  /** `retry` by default. */
  readonly action?: Action;
  /** HTTP status; 0, when there was no answer, by default. */
  readonly status?: number;
  readonly requestId?: string | null;
  /** Seconds to wait before the next try, or null. */
  readonly retryAfter?: number | null;
  readonly fields?: readonly FieldError[];
  readonly cause?: unknown;
}

/**
 * The one error that calls of this package reject with.
 *
 * Decide by `action`, show `message`, and look at `code` where one case needs its own words: the message is the
 * server's sentence, and where there is none, as with the {@link ClientErrorCode}s, only the code.
 */
export class SealringError extends Error {
  override readonly name = "SealringError";
  /** Stable name of the error. */
  declare readonly code: SealringErrorCode;
  /** What to do about it. */
  readonly action: Action = "retry";
  /** HTTP status; 0 when there was no answer. */
  readonly status: number = 0;
  /** The server's id of the failed request, for support; null when there was none. */
  readonly requestId: string | null = null;
  /** Seconds to wait before the next try; null when the server did not say. */
  readonly retryAfter: number | null = null;
  /** The fields that are wrong; empty unless the code is `validation_failed`. */
  readonly fields: readonly FieldError[] = [];

  constructor(message: string, details: ErrorDetails) {
    super(message, details);
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
  const { status, headers } = response;
  let body: Members = {};
  try {
    body = membersOf(await response.clone().json());
  } catch {
    // Not JSON, cut off, or read before: judged by its status.
  }
  const {
    code = "http_error",
    action = status > 499 || status === 429 ? "retry" : "fix",
    error_description: message = code,
    request_id: requestId = null,
    fields = [],
  } = body;
  // A date, which RFC 9110 allows too, is as good as nothing: our servers send seconds.
  const retryAfter = Number(headers.get("Retry-After")) || null;
  const details = { code, action, status, requestId, retryAfter, fields };
  return new SealringError(message as string, details as ErrorDetails);
}

/** An error of the client's own: it has no words but its code. */
export function failure(code: SealringErrorCode, details: Omit<ErrorDetails, "code"> = {}): SealringError {
  return new SealringError(code, { ...details, code });
}

/** The error of a success whose body is not the contract's. */
export function answerInvalid(): SealringError {
  return failure("answer_invalid", { action: "fix", status: 200 });
}

/** What a parsed JSON object has. */
export type Members = Readonly<Record<string, unknown>>;

/** The members of a value; none for what is no object. */
export function membersOf(value: unknown): Members {
  return Object(value) as Members;
}
