import type { ReactNode, RefObject } from "react";

import { Logo } from "../ui/Logo.tsx";
import { ThemeToggle } from "./ThemeToggle.tsx";

interface CalmPageProps {
  title: string;
  lead: string;
  headingRef?: RefObject<HTMLHeadingElement | null>;
  children?: ReactNode;
}

/** A page with one thing on it: a card in the middle, under the mark. */
export function CalmPage({ title, lead, headingRef, children }: CalmPageProps) {
  return (
    <div className="calm">
      <title>{`${title} · Sealring Todo`}</title>
      <header className="calm__brand">
        <span className="brand">
          <Logo />
          Sealring Todo
        </span>
        <ThemeToggle />
      </header>
      <main className="calm__main">
        <div className="card calm__card">
          <div className="calm__heading">
            <h1 ref={headingRef} tabIndex={-1}>
              {title}
            </h1>
            <p className="muted">{lead}</p>
          </div>
          {children}
        </div>
      </main>
    </div>
  );
}
