import type { Session } from "./session.js";

/**
 * When a session ends for want of input, as far as is known, by the server's clock.
 *
 * The server counted from input no later than its answer: what came since moves the end at least as far, and the next
 * refresh tells exactly.
 */
export function idleEndOf({ answeredAt, idleEndsAt }: Session, lastInputAt: number): number {
  return idleEndsAt + Math.max(0, lastInputAt - answeredAt);
}
