import { useSyncExternalStore } from "react";

import { chooseTheme, isDark, subscribeTheme } from "../../lib/theme.ts";
import { Button } from "../ui/Button.tsx";
import { Icon } from "../ui/Icon.tsx";

/** Changes between light and dark, and remembers it. */
export function ThemeToggle() {
  const dark = useSyncExternalStore(subscribeTheme, isDark);
  const other = dark ? "light" : "dark";
  const name = `Switch to ${other} theme`;
  return (
    <Button look="bare" shape="icon" title={name} aria-label={name} onClick={() => chooseTheme(other)}>
      <Icon name={dark ? "sun" : "moon"} />
    </Button>
  );
}
