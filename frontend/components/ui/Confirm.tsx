import type { ReactNode } from "react";

import { useSubmit } from "../../hooks/useSubmit.ts";
import type { Failure } from "../../lib/failure.ts";
import { Alert } from "./Alert.tsx";
import { Button } from "./Button.tsx";
import { Dialog } from "./Dialog.tsx";

interface ConfirmProps {
  title: string;
  text: string;
  /** The name of the button that does it. */
  action: string;
  onConfirm: (text: (name: string) => string) => Promise<void>;
  onClose: () => void;
  explain?: (error: unknown) => Failure;
  /** Further fields that the act needs. */
  children?: (failure: Failure) => ReactNode;
}

/** Asks before something that cannot be undone. Stays open when it fails. */
export function Confirm({ title, text, action, onConfirm, onClose, explain, children }: ConfirmProps) {
  const { formRef, pending, failure, onSubmit } = useSubmit(onConfirm, explain);
  return (
    <Dialog title={title} onClose={onClose}>
      <form ref={formRef} className="form" onSubmit={onSubmit} noValidate>
        <p className="muted">{text}</p>
        {failure.message && <Alert>{failure.message}</Alert>}
        {children?.(failure)}
        <div className="dialog__actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" busy={pending}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
