/** Any failure as words for the person in front of the page. */

import { SealringError } from "sealring";

export interface Failure {
  /** What stands above the form, or in a toast; null when the fields say it all. */
  message: string | null;
  /** Sentences by field name. */
  fields: Record<string, string>;
}

/** What to tell about a failed action. */
export function failureOf(error: unknown): Failure {
  const fields = fieldsOf(error);
  return { message: Object.keys(fields).length > 0 ? null : messageOf(error), fields };
}

/** One sentence about a failed action. */
export function messageOf(error: unknown): string {
  if (!(error instanceof SealringError)) return "Something went wrong. Try again.";
  switch (error.code) {
    case "rate_limited":
      return error.retryAfter
        ? `Too many attempts. Try again in ${waitInWords(error.retryAfter)}.`
        : "Too many attempts. Wait a moment, then try again.";
    case "network_error":
    case "timeout":
      return "The server cannot be reached. Try again in a moment.";
    case "not_found":
      return "That is no longer there.";
    default:
      // What the client itself says is only a code.
      return error.message === error.code ? "Something went wrong. Try again." : error.message;
  }
}

/** Whether what was to be changed has gone in the meantime. */
export function isGone(error: unknown): boolean {
  return error instanceof SealringError && error.code === "not_found";
}

function fieldsOf(error: unknown): Record<string, string> {
  if (!(error instanceof SealringError)) return {};
  // A path such as `body.email` names the field by its last part.
  return Object.fromEntries(
    error.fields.map(({ field, message }) => [field.slice(field.lastIndexOf(".") + 1), message]),
  );
}

function waitInWords(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
