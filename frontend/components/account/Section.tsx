import { type ReactNode, useId } from "react";

/** One part of a page, under its own heading. */
export function Section({ title, lead, children }: { title: string; lead?: string; children: ReactNode }) {
  const id = useId();
  return (
    <section className="card section" aria-labelledby={id}>
      <div>
        <h2 id={id}>{title}</h2>
        {lead && <p className="muted small">{lead}</p>}
      </div>
      {children}
    </section>
  );
}
