import type { Priority } from "../../lib/api-client.ts";
import { PRIORITIES } from "../../lib/todo-query.ts";

export const PRIORITY_NAMES: Record<Priority, string> = { high: "High", normal: "Normal", low: "Low" };

/** The choices of a priority field. */
export function PriorityOptions() {
  return PRIORITIES.map((priority) => (
    <option key={priority} value={priority}>
      {PRIORITY_NAMES[priority]}
    </option>
  ));
}

/** The priority that a field holds. */
export function asPriority(text: string): Priority {
  return PRIORITIES.find((priority) => priority === text) ?? "normal";
}
