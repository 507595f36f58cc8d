import { useState } from "react";

import { Button } from "../ui/Button.tsx";
import { Confirm } from "../ui/Confirm.tsx";
import { useToasts } from "../ui/Toasts.tsx";

/** Deletes everything that is done, after asking. */
export function ClearDone({ count, onClear }: { count: number; onClear: () => Promise<void> }) {
  const toasts = useToasts();
  const [asking, setAsking] = useState(false);
  const things = count === 1 ? "1 done todo" : `${count} done todos`;

  return (
    <div className="todos__more">
      <Button look="bare" shape="small" onClick={() => setAsking(true)}>
        Clear done
      </Button>
      {asking && (
        <Confirm
          title="Clear done todos?"
          text={`This deletes ${things} for good.`}
          action={`Delete ${things}`}
          onConfirm={async () => {
            await onClear();
            setAsking(false);
            toasts.show({ text: `Deleted ${things}.` });
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </div>
  );
}
