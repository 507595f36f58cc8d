import type { Counts } from "../../lib/api-client.ts";

/** How much there is, in one line; nothing while there is nothing. */
export function Summary({ counts }: { counts: Counts }) {
  return (
    <p className="muted summary" role="status" data-testid="summary">
      {counts.open + counts.done > 0 && (
        <>
          {counts.open} open
          {counts.overdue > 0 && <span className="summary__overdue">{counts.overdue} overdue</span>}
          <span>{counts.done} done</span>
        </>
      )}
    </p>
  );
}
