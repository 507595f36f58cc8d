import type { Session } from "sealring";
import { useAuth } from "sealring/react";

import { useNow } from "../../hooks/useNow.ts";
import { type Renewal, useRenewals } from "../../hooks/useRenewals.ts";
import { spanInWords, timeOfDay } from "../../lib/dates.ts";
import { RingGauge } from "./RingGauge.tsx";

/** The session at work: when it was renewed, and when that happens next. Open it for the rest. */
export function SessionStrip() {
  const { session, status, client } = useAuth();
  const renewal = useRenewals();
  // Every second, by the server's clock: the only one in which the session's times mean anything.
  useNow(1_000);
  if (!session) return null;
  const now = client.now();

  return (
    <footer className="strip">
      <details className="strip__inner" data-testid="session-strip">
        <summary>
          <RingGauge key={session.answeredAt} share={shareLeft(session, now)} />
          <span>{headline(status, renewal)}</span>
          {status === "authenticated" && (
            <span className="strip__next">Next renewal {inWords(session.refreshAt - now)}</span>
          )}
        </summary>
        <dl className="strip__facts">
          <Fact name="Access expires in" value={spanInWords(session.expiresAt - now)} />
          <Fact name="Generation" value={String(session.generation)} />
          <Fact name="Ends if unused in" value={spanInWords(session.idleEndsAt - now)} />
          <Fact name="Ends in any case in" value={spanInWords(session.endsAt - now)} />
        </dl>
        <p className="strip__note">
          Your access expires after minutes, and is renewed before that without you noticing. It lies in
          cookies that no script on this page can read.
        </p>
      </details>
    </footer>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function inWords(ms: number): string {
  return ms > 0 ? `in ${spanInWords(ms)}` : "is due";
}

function shareLeft(session: Session, now: number): number {
  return (session.refreshAt - now) / Math.max(1, session.refreshAt - session.answeredAt);
}

function headline(status: string, renewal: Renewal | null): string {
  if (status === "refreshing") return "Renewing your session";
  if (status === "degraded") return "Renewal is waiting for the server";
  if (!renewal) return "Your session is active";
  const how = renewal.tookMs === null ? "by another tab" : `in ${Math.max(1, Math.round(renewal.tookMs))} ms`;
  return `Session renewed at ${timeOfDay(renewal.at)}, ${how}`;
}
