import { dayInWords } from "../../lib/dates.ts";
import { Icon } from "../ui/Icon.tsx";

/** The day by which a todo is wanted; says so in words when it has passed. */
export function DueLabel({ day, done, today }: { day: string; done: boolean; today: string }) {
  const overdue = !done && day < today;
  const look = overdue ? " fact--overdue" : !done && day === today ? " fact--today" : "";
  return (
    <span className={`fact${look}`}>
      <Icon name="calendar" />
      <span>
        {overdue ? "Overdue: " : <span className="sr-only">Due: </span>}
        <time dateTime={day}>{dayInWords(day, today)}</time>
      </span>
    </span>
  );
}
