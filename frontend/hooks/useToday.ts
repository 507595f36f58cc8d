import { dayOf } from "../lib/dates.ts";
import { useNow } from "./useNow.ts";

/** The reader's calendar day, also after midnight on a page left open. */
export function useToday(): string {
  return dayOf(new Date(useNow(30_000)));
}
