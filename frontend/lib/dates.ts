/** Calendar days as `YYYY-MM-DD` and moments as words, in the reader's own time zone. */

const DAY_MS = 86_400_000;
const shortDay = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const longDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });

/** The local calendar day of a moment. */
export function dayOf(moment: Date): string {
  const month = String(moment.getMonth() + 1).padStart(2, "0");
  const day = String(moment.getDate()).padStart(2, "0");
  return `${moment.getFullYear()}-${month}-${day}`;
}

/** "Today", "Tomorrow", "Yesterday", or a short date; the year only when it is not this one. */
export function dayInWords(day: string, today: string): string {
  const distance = Math.round((Date.parse(day) - Date.parse(today)) / DAY_MS);
  if (Math.abs(distance) <= 1) return capital(relative.format(distance, "day"));
  // Noon, so that no time zone moves the calendar day.
  const moment = new Date(`${day}T12:00`);
  return (day.slice(0, 4) === today.slice(0, 4) ? shortDay : longDay).format(moment);
}

/** A moment of the past as "just now", "5 minutes ago", "yesterday" or a date. */
export function agoInWords(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - atMs) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 3_570) return relative.format(-Math.max(1, Math.round(seconds / 60)), "minute");
  if (seconds < 84_600) return relative.format(-Math.max(1, Math.round(seconds / 3_600)), "hour");
  if (seconds < 7 * 86_400) return relative.format(-Math.max(1, Math.round(seconds / 86_400)), "day");
  return longDay.format(atMs);
}

/** A span ahead as "42 s", "9 min 12 s", "5 h 3 min" or "6 days 23 h": two units at most. */
export function spanInWords(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 2 * 86_400)
    return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} days ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

/** A moment as a time of day with seconds. */
export function timeOfDay(atMs: number): string {
  return clock.format(atMs);
}

/** A moment as a date. */
export function dateOf(atMs: number): string {
  return longDay.format(atMs);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
