import type { ComponentProps } from "react";

interface ButtonProps extends ComponentProps<"button"> {
  look?: "primary" | "quiet" | "bare" | "danger" | "danger-quiet";
  shape?: "normal" | "small" | "icon" | "wide";
  /** Work is under way: the button keeps its focus and its name, and does nothing. */
  busy?: boolean;
}

/** A button; submits only when told so. */
export function Button({
  look = "quiet",
  shape = "normal",
  busy = false,
  onClick,
  children,
  ...rest
}: ButtonProps) {
  const shapeClass = shape === "normal" ? "" : ` button--${shape}`;
  return (
    <button
      type="button"
      {...rest}
      className={`button button--${look}${shapeClass}`}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy && <span className="spinner" aria-hidden="true" />}
      {children}
    </button>
  );
}
