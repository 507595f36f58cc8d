import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";

import { type Toast, Toasts } from "../../lib/toasts.ts";
import { Icon } from "./Icon.tsx";

const SHOWN_MS = 6_000;
const ToastsContext = createContext<Toasts | null>(null);

/** Gives the pages below a place for short messages. */
export function ToastsProvider({ children }: { children: ReactNode }) {
  const [toasts] = useState(() => new Toasts());

  useEffect(() => {
    const settle = () => void toasts.settle();
    window.addEventListener("pagehide", settle);
    return () => window.removeEventListener("pagehide", settle);
  }, [toasts]);

  return (
    <ToastsContext value={toasts}>
      {children}
      <ToastList toasts={toasts} />
    </ToastsContext>
  );
}

/** The messages of the nearest provider. */
export function useToasts(): Toasts {
  const toasts = useContext(ToastsContext);
  if (!toasts) throw new Error("useToasts needs a ToastsProvider above it");
  return toasts;
}

function ToastList({ toasts }: { toasts: Toasts }) {
  const shown = useSyncExternalStore(toasts.subscribe, toasts.getSnapshot);
  return (
    <section className="toasts" aria-label="Notifications" aria-live="polite" aria-relevant="additions text">
      {shown.map((toast) => (
        <ToastCard
          key={toast.id}
          toast={toast}
          onAct={() => toasts.act(toast.id)}
          onClose={() => void toasts.close(toast.id)}
        />
      ))}
    </section>
  );
}

function ToastCard({ toast, onAct, onClose }: { toast: Toast; onAct: () => void; onClose: () => void }) {
  // WCAG 2.2.1: time stands still while somebody reads or reaches for it.
  const [held, setHeld] = useState(false);

  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(onClose, SHOWN_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the callback changes with every render, the toast does not
  }, [held, toast]);

  return (
    <div
      className={toast.tone === "error" ? "toast toast--error" : "toast"}
      role={toast.tone === "error" ? "alert" : undefined}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <p className="toast__text">{toast.text}</p>
      {toast.action && (
        <button type="button" className="toast__button" onClick={onAct}>
          {toast.action.label}
        </button>
      )}
      <button type="button" className="toast__button toast__button--close" onClick={onClose}>
        <Icon name="close" />
        <span className="sr-only">Dismiss</span>
      </button>
    </div>
  );
}
