/** What a browser has and jsdom has not, as far as the pages use it. */

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// A deadline, not a wait: a busy machine must not fail a test.
configure({ asyncUtilTimeout: 10_000 });

const dialog: object = HTMLDialogElement.prototype;
const missing: [object, string, (this: HTMLDialogElement) => unknown][] = [
  [window, "matchMedia", () => Object.assign(new EventTarget(), { matches: false })],
  [dialog, "showModal", setOpen(true)],
  [dialog, "close", setOpen(false)],
];
for (const [owner, name, value] of missing) {
  if (Reflect.get(owner, name) === undefined)
    Object.defineProperty(owner, name, { value, configurable: true });
}

function setOpen(open: boolean) {
  return function (this: HTMLDialogElement) {
    this.open = open;
  };
}

afterEach(() => {
  cleanup();
  localStorage.clear();
  window.history.replaceState(null, "", "/");
});
