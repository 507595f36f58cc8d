const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;

/**
 * Milliseconds to wait after so many failures in a row.
 *
 * Between half of a ceiling and the ceiling, which doubles from 2 s to 60 s: so an outage of 15 s costs 5 tries at
 * most, by chance never more. A server that says how long to wait (RFC 9110 section 10.2.3) is given that long, and
 * up to a second more so that not all come back at once.
 *
 * @param failures - failures in a row, 1 or more.
 * @param retryAfter - the server's Retry-After in seconds, or null.
 * @param random - a number from 0 up to, not including, 1.
 */
export function backoffDelay(failures: number, retryAfter: number | null, random: number): number {
  const half = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** failures) / 2;
  return Math.max(half + random * half, ((retryAfter ?? 0) + random) * 1_000);
}
