import type { ReactNode } from "react";

import { ConnectionBanner } from "./ConnectionBanner.tsx";
import { EndingBanner } from "./EndingBanner.tsx";
import { Header } from "./Header.tsx";
import { SessionStrip } from "./SessionStrip.tsx";

/** What every signed-in page has around it. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <div className="shell__top">
        <Header />
        <ConnectionBanner />
        <EndingBanner />
      </div>
      <main id="main" className="shell__main" tabIndex={-1}>
        {children}
      </main>
      <SessionStrip />
    </div>
  );
}
