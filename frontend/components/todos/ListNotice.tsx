import type { ReactNode } from "react";

import type { Counts } from "../../lib/api-client.ts";
import { messageOf } from "../../lib/failure.ts";
import { isNarrowed, type TodoQuery } from "../../lib/todo-query.ts";
import { Button } from "../ui/Button.tsx";
import { Logo } from "../ui/Logo.tsx";

/** Why no todo shows, and what to do about it. */
export function EmptyList({
  query,
  counts,
  onReset,
}: {
  query: TodoQuery;
  counts: Counts;
  onReset: () => void;
}) {
  if (isNarrowed(query)) {
    return (
      <Notice title="Nothing matches" text="No todo fits this search and these filters.">
        <Button onClick={onReset}>Show all open todos</Button>
      </Notice>
    );
  }
  if (query.status === "done")
    return <Notice title="Nothing done yet" text="What you tick off is kept here." />;
  if (counts.done > 0) return <Notice title="All done" text="Nothing is left to do. Enjoy the quiet." />;
  return <Notice title="A clean page" text="Write down the first thing you want to get done." />;
}

/** The list could not be loaded. */
export function FailedList({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <Notice title="Your todos could not be loaded" text={messageOf(error)} role="alert">
      <Button onClick={onRetry}>Try again</Button>
    </Notice>
  );
}

/** The shape of the list before it is there. */
export function LoadingList() {
  return (
    <div className="card todos" role="status" aria-label="Loading your todos">
      {[62, 44, 71].map((width) => (
        <div key={width} className="todo todo--ghost">
          <svg className="ghost" width={`${width}%`} height="14" aria-hidden="true">
            <rect width="100%" height="100%" rx="7" />
          </svg>
        </div>
      ))}
    </div>
  );
}

interface NoticeProps {
  title: string;
  text: string;
  role?: "alert";
  children?: ReactNode;
}

function Notice({ title, text, role, children }: NoticeProps) {
  return (
    <div className="notice" role={role}>
      <Logo size={44} />
      <h2>{title}</h2>
      <p className="muted">{text}</p>
      {children}
    </div>
  );
}
