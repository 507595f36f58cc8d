import { useState } from "react";
import type { SessionSummary } from "sealring/account";

import { useNow } from "../../hooks/useNow.ts";
import { agoInWords, dateOf } from "../../lib/dates.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";

interface DeviceRowProps {
  info: SessionSummary;
  onEnd: (id: string, device: string) => Promise<void>;
}

/** One session, told by its device. */
export function DeviceRow({ info, onEnd }: DeviceRowProps) {
  const now = useNow(30_000);
  const [pending, setPending] = useState(false);
  const device = info.device || "Unknown device";

  const end = async () => {
    setPending(true);
    await onEnd(info.sessionId, device);
    setPending(false);
  };

  return (
    <li className="device">
      <span className="device__icon">
        <Icon name={/android|iphone|mobile/i.test(device) ? "phone" : "device"} />
      </span>
      <div className="device__body">
        <p className="device__name">
          {device} {info.current && <span className="badge">This device</span>}
        </p>
        <p className="muted small">
          {info.current ? "Active now" : `Last seen ${agoInWords(info.lastSeenAt, now)}`} · Signed in on{" "}
          {dateOf(info.createdAt)}
        </p>
      </div>
      {!info.current && (
        <Button shape="small" busy={pending} onClick={() => void end()}>
          Sign out<span className="sr-only"> {device}</span>
        </Button>
      )}
    </li>
  );
}
