/** Which colours the reader sees: the system's choice until the reader makes one (read before paint by `theme.js`). */

export type Theme = "system" | "light" | "dark";

const KEY = "sealring-todo-theme";
const listeners = new Set<() => void>();

/** The reader's choice. */
export function chosenTheme(): Theme {
  const theme = document.documentElement.dataset["theme"];
  return theme === "light" || theme === "dark" ? theme : "system";
}

/** Whether dark colours show now. */
export function isDark(): boolean {
  const theme = chosenTheme();
  return theme === "system" ? window.matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

/** Shows a theme at once and remembers it on this device. */
export function chooseTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is blocked: the choice lasts until the page is left.
  }
  for (const listener of listeners) listener();
}

/** Calls back when the shown theme may have changed. */
export function subscribeTheme(listener: () => void): () => void {
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  listeners.add(listener);
  media.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    media.removeEventListener("change", listener);
  };
}
