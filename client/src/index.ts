export type { ChannelPort } from "./channel.js";
export { type Client, createClient, type Credentials } from "./client.js";
export type { Clock } from "./clock.js";
export {
  type ClientErrorCode,
  type ErrorDetails,
  errorFrom,
  type FieldError,
  SealringError,
  type SealringErrorCode,
} from "./errors.js";
export type { Action, ErrorCode, SignInCode } from "./errors.generated.js";
export type { ClientEvent, EventSource } from "./events.js";
export type { Locks } from "./lock.js";
export type { ClientOptions } from "./options.js";
export type { Outcome, Session } from "./session.js";
export { type SessionState, sessionOf, type SignedOutReason } from "./state.js";
export type { KeyValueStorage } from "./storage.js";
export type { Fetch } from "./transport.js";
