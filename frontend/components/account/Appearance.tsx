import { useSyncExternalStore } from "react";

import { chooseTheme, chosenTheme, subscribeTheme, type Theme } from "../../lib/theme.ts";
import { type Choice, Segmented } from "../ui/Choices.tsx";
import { Section } from "./Section.tsx";

const CHOICES: Choice<Theme>[] = [
  { value: "system", label: "Like the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

/** Light or dark, on this device. */
export function Appearance() {
  const theme = useSyncExternalStore(subscribeTheme, chosenTheme);
  return (
    <Section title="Appearance" lead="Remembered in this browser.">
      <Segmented label="Theme" choices={CHOICES} value={theme} onChange={chooseTheme} />
    </Section>
  );
}
