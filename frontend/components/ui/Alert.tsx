import type { ReactNode } from "react";

import { Icon } from "./Icon.tsx";

/** Says at once, and to screen readers too, what went wrong with the form it stands in. */
export function Alert({ children }: { children: ReactNode }) {
  return (
    <div className="alert" role="alert" tabIndex={-1}>
      <Icon name="alert" />
      <div>{children}</div>
    </div>
  );
}
