// @vitest-environment jsdom
import { act, cleanup, render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import {
  AuthProvider,
  type SessionTime,
  SignedIn,
  SignedOut,
  useAuth,
  useClient,
  useExpiresIn,
  useIdle,
  useSession,
  useUser,
} from "../src/react/index.js";
import { Browser, RIGHT, type Tab, type User } from "./support/browser.js";
import { settle } from "./support/clock.js";
import { offline } from "./support/server.js";

const MINUTE = 60_000;

/** How often each component was rendered. */
const renders = new Map<string, number>();

const count = (name: string): void => void renders.set(name, (renders.get(name) ?? 0) + 1);

/** Renders of what is below since the last call, by name; those that were not rendered are left out. */
function rendered(): Record<string, number> {
  const since = Object.fromEntries(renders);
  renders.clear();
  return since;
}

function Whole() {
  count("auth");
  return <i>{useAuth().status}</i>;
}

function Session() {
  count("session");
  return <i data-testid="session">{useSession()?.generation ?? "none"}</i>;
}

function Name() {
  count("user");
  return <i data-testid="user">{useUser<User>()?.email ?? "nobody"}</i>;
}

function Caller() {
  count("client");
  return <i>{typeof useClient().fetch}</i>;
}

function Left({ time, stepMs }: { time?: SessionTime; stepMs?: number }) {
  count("left");
  return <i data-testid="left">{String(useExpiresIn(time, stepMs))}</i>;
}

function Idle({ afterMs, stepMs }: { afterMs?: number; stepMs?: number }) {
  count("idle");
  return <i data-testid="idle">{String(useIdle(afterMs, stepMs))}</i>;
}

const page = (tab: Tab, children: ReactNode) => <AuthProvider client={tab.client}>{children}</AuthProvider>;

async function show(tab: Tab, children: ReactNode) {
  const result = render(page(tab, children));
  await act(settle);
  rendered();
  return result;
}

/** Lets time pass on the machine: for the client by its clock, for the hooks by the browser's timers. */
async function pass(browser: Browser, ms: number, steps = 1): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    await act(async () => {
      await browser.clock.advance(ms / steps);
      vi.advanceTimersByTime(ms / steps);
    });
  }
}

function signedIn(): Browser {
  const browser = new Browser();
  browser.server.open(browser.jar);
  return browser;
}

const shown = (id: string): number => Number(screen.getByTestId(id).textContent);
const press = (tab: Tab): void => void tab.window.dispatchEvent(new Event("keydown"));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  rendered();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe("what is rendered again", () => {
  test("a refresh: as often as the state changes, the session once, and the user and the client not at all", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    await show(tab, [<Whole key="a" />, <Session key="s" />, <Name key="u" />, <Caller key="c" />]);
    let changes = 0;
    tab.client.subscribe(() => (changes += 1));
    await act(() => tab.client.refresh());
    expect(shown("session")).toBe(2);
    expect(rendered()).toEqual({ auth: changes, session: 1 });
  });

  test("a refresh that fails while the token is good: what tells the state only", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    await show(tab, [<Whole key="a" />, <Session key="s" />, <Name key="u" />]);
    browser.server.next("/auth/refresh", offline);
    await act(() => tab.client.refresh().catch(() => undefined));
    expect(rendered()).toEqual({ auth: 2 });
  });

  test("a user who is told differently: the component that shows it", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    await show(tab, <Name />);
    browser.server.userOf = () => ({ email: "lovelace@example.com" });
    await act(() => tab.client.refresh());
    expect(screen.getByTestId("user").textContent).toBe("lovelace@example.com");
    expect(rendered()).toEqual({ user: 1 });
  });

  test("ten seconds of a countdown: itself ten times, and nothing around it", async () => {
    const browser = signedIn();
    await show(browser.idleTab(), [<Whole key="a" />, <Session key="s" />, <Left key="l" />]);
    await pass(browser, 10_000, 40);
    expect(shown("left")).toBe(15 * MINUTE - 10_000);
    expect(rendered()).toEqual({ left: 10 });
  });

  test("a countdown in minutes: once a minute", async () => {
    const browser = signedIn();
    await show(browser.idleTab(), <Left time="endsAt" stepMs={MINUTE} />);
    await pass(browser, 5 * MINUTE, 20);
    expect(shown("left")).toBe((30 * 24 * 60 - 5) * MINUTE);
    expect(rendered()).toEqual({ left: 5 });
  });
});

describe("useExpiresIn", () => {
  test("counts by the server's clock, however wrong this machine's is", async () => {
    const browser = new Browser();
    browser.server.skewMs = 90 * MINUTE;
    browser.server.open(browser.jar);
    await show(browser.idleTab(), <Left />);
    expect(shown("left")).toBe(15 * MINUTE);
    await pass(browser, 2_500);
    expect(shown("left")).toBe(15 * MINUTE - 2_000);
  });

  test.each([
    ["expiresAt", 15],
    ["refreshAt", 10],
    ["idleEndsAt", 168 * 60],
    ["endsAt", 720 * 60],
  ] as const)("counts down to %s", async (time, minutes) => {
    await show(signedIn().idleTab(), <Left time={time} />);
    expect(shown("left")).toBe(minutes * MINUTE);
  });

  test("begins anew with a refresh, and stays 0 while that fails", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    await show(tab, <Left />);
    await pass(browser, 10 * MINUTE, 100);
    expect(browser.refreshes()).toBe(1);
    expect(shown("left")).toBeGreaterThan(14 * MINUTE);
    browser.server.next("/auth/refresh", ...Array<typeof offline>(50).fill(offline));
    await pass(browser, 20 * MINUTE, 200);
    expect(shown("left")).toBe(0);
  });

  test("is null before anybody is known, after a logout and on a server; and leaves no timer", async () => {
    const browser = new Browser();
    const tab = browser.idleTab();
    const { unmount } = await show(tab, <Left />);
    expect(screen.getByTestId("left").textContent).toBe("null");
    expect(vi.getTimerCount()).toBe(0);
    await act(() => tab.client.login(RIGHT));
    expect(shown("left")).toBe(15 * MINUTE);
    await act(() => tab.client.logout());
    expect(screen.getByTestId("left").textContent).toBe("null");
    expect(vi.getTimerCount()).toBe(0);
    await act(() => tab.client.login(RIGHT));
    expect(vi.getTimerCount()).toBe(1);
    unmount();
    expect(vi.getTimerCount()).toBe(0);
    expect(renderToString(page(tab, <Left />))).toContain(">null<");
  });
});

describe("useIdle", () => {
  test("input moves it, a refresh does not", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    await show(tab, <Idle afterMs={5 * MINUTE} />);
    press(tab);
    await pass(browser, 2 * MINUTE, 4);
    expect(shown("idle")).toBe(3 * MINUTE);
    await act(() => tab.client.refresh());
    expect(shown("idle")).toBe(3 * MINUTE);
    press(tab);
    await pass(browser, 1_000);
    expect(shown("idle")).toBe(5 * MINUTE - 1_000);
    await pass(browser, 10 * MINUTE, 20);
    expect(shown("idle")).toBe(0);
    press(tab);
    await pass(browser, 1_000);
    expect(shown("idle")).toBe(5 * MINUTE - 1_000);
  });

  test("input in another tab moves it as well", async () => {
    const browser = signedIn();
    const [tab, other] = [browser.idleTab(), browser.tab()];
    await show(tab, <Idle afterMs={5 * MINUTE} />);
    await pass(browser, 2 * MINUTE, 4);
    expect(shown("idle")).toBe(3 * MINUTE);
    press(other);
    await pass(browser, 1_000);
    expect(shown("idle")).toBe(5 * MINUTE - 1_000);
  });

  test("by default it is the session's idle end: right after a refresh, and moved by input at once", async () => {
    const browser = new Browser();
    browser.server.idleMs = 30 * MINUTE;
    browser.server.open(browser.jar);
    const tab = browser.idleTab();
    await show(tab, <Idle />);
    press(tab);
    expect(shown("idle")).toBe(30 * MINUTE);
    await pass(browser, 4 * MINUTE, 4);
    press(tab);
    await pass(browser, MINUTE);
    expect(shown("idle")).toBe(29 * MINUTE);
    await act(() => tab.client.refresh());
    expect(shown("idle")).toBe(29 * MINUTE);
    await act(() => tab.client.refresh());
    expect(shown("idle")).toBe(29 * MINUTE);
  });

  test("ends where the server ends the session", async () => {
    const browser = new Browser();
    browser.server.idleMs = 30 * MINUTE;
    browser.server.open(browser.jar);
    const tab = browser.idleTab();
    await show(tab, <Idle />);
    await pass(browser, 29 * MINUTE, 29);
    expect(shown("idle")).toBe(MINUTE);
    await pass(browser, MINUTE + 2_000, 62);
    expect(tab.state()).toEqual({ status: "signed_out", reason: "expired_idle" });
    expect(screen.getByTestId("idle").textContent).toBe("null");
  });
});

describe("SignedIn and SignedOut", () => {
  const gates = [<SignedIn key="in">inside</SignedIn>, <SignedOut key="out">outside</SignedOut>];

  test("show neither before the server has said, then the one that is right", async () => {
    const tab = new Browser().idleTab();
    const { container } = render(page(tab, gates));
    expect(container.textContent).toBe("");
    await act(settle);
    expect(container.textContent).toBe("outside");
    await act(() => tab.client.login(RIGHT));
    expect(container.textContent).toBe("inside");
    await act(() => tab.client.logout());
    expect(container.textContent).toBe("outside");
  });

  test("what is inside stays while the connection fails", async () => {
    const browser = signedIn();
    const tab = browser.idleTab();
    const { container } = await show(tab, gates);
    browser.server.next("/auth/refresh", ...Array<typeof offline>(50).fill(offline));
    await pass(browser, 20 * MINUTE, 20);
    expect(tab.status()).toBe("degraded");
    expect(container.textContent).toBe("inside");
  });

  test("a page that a server rendered is taken over without a word, though this tab knows more already", async () => {
    const browser = signedIn();
    const tab = await browser.signedInTab();
    const all = page(tab, [...gates, <Session key="s" />, <Left key="l" />, <Idle key="i" />]);
    const container = document.createElement("div");
    container.innerHTML = renderToString(all);
    expect(container.textContent).toBe("nonenullnull");
    const complaints: unknown[] = [];
    const root = await act(() =>
      hydrateRoot(container, all, { onRecoverableError: (e) => complaints.push(e) }),
    );
    expect(container.textContent).toContain("inside1900000");
    expect(complaints).toEqual([]);
    act(() => {
      root.unmount();
    });
  });
});

test.each([
  ["useClient", Caller],
  ["useSession", Session],
  ["useExpiresIn", Left],
  ["SignedIn", SignedIn],
])("%s without a provider says what is missing", (_, Component) => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  expect(() => render(<Component />)).toThrow("Hooks of sealring need an <AuthProvider> above.");
});
