// @vitest-environment jsdom
import { act, cleanup, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, test, vi } from "vitest";

import { type Auth, AuthProvider, useAuth } from "../src/react/index.js";
import { Browser, RIGHT, type Tab, type User } from "./support/browser.js";
import { settle } from "./support/clock.js";

afterEach(cleanup);

const seen: Auth<User>[] = [];

function Page() {
  const auth = useAuth<User>();
  seen.push(auth);
  if (auth.status === "loading") return <p>loading {auth.error?.code}</p>;
  if (auth.status === "signed_out") return <p>signed out {auth.reason}</p>;
  return (
    <p>
      {auth.status} {auth.user.email} {auth.error?.code}
    </p>
  );
}

function show(tab: Tab, strict = false) {
  seen.length = 0;
  const page = (
    <AuthProvider client={tab.client}>
      <Page />
    </AuthProvider>
  );
  return render(strict ? <StrictMode>{page}</StrictMode> : page);
}

const text = (): string | null => screen.getByText(/./).textContent;
const settled = () => act(settle);

describe("AuthProvider and useAuth", () => {
  test("show loading, then who is signed in", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    show(browser.idleTab());
    expect(text()).toBe("loading ");
    await settled();
    expect(text()).toBe("authenticated ada@example.com ");
  });

  test("show a login, a logout and why nobody is signed in", async () => {
    const browser = new Browser();
    const tab = browser.idleTab();
    show(tab);
    await settled();
    expect(text()).toBe("signed out ");
    await act(() => seen.at(-1)?.login(RIGHT) ?? Promise.reject(new Error("nothing rendered")));
    expect(text()).toBe("authenticated ada@example.com ");
    await act(() => seen.at(-1)?.logout() ?? Promise.reject(new Error("nothing rendered")));
    expect(text()).toBe("signed out signed_out");
  });

  test("strict mode asks the server once, and leaves one timer and one channel", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    show(browser.idleTab(), true);
    await settled();
    expect(text()).toBe("authenticated ada@example.com ");
    expect(browser.server.calls("/auth/session")).toHaveLength(1);
    expect(browser.hub.openPorts()).toBe(1);
    await act(() => browser.clock.advance(600_000));
    expect(browser.refreshes()).toBe(1);
  });

  test("unmounting ends the client", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const { unmount } = show(browser.idleTab());
    await settled();
    unmount();
    expect(browser.hub.openPorts()).toBe(0);
    expect(browser.clock.nextInMs()).toBeNull();
  });

  test("the functions stay the same, and so does the user over a refresh", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const tab = browser.idleTab();
    show(tab);
    await settled();
    await act(() => tab.client.refresh());
    const [first, last] = [seen.find((auth) => auth.status === "authenticated"), seen.at(-1)];
    expect(last?.session?.generation).toBe(2);
    expect(last?.user).toBe(first?.user);
    for (const name of ["login", "logout", "client"] as const) expect(last?.[name]).toBe(seen[0]?.[name]);
  });

  test("nothing is rendered again while nothing changes", async () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    show(browser.idleTab());
    await settled();
    const before = seen.length;
    await act(() => browser.clock.advance(300_000));
    expect(seen).toHaveLength(before);
  });

  test("a server renders loading, and asks nobody", () => {
    const browser = new Browser();
    browser.server.open(browser.jar);
    const html = renderToString(
      <AuthProvider client={browser.idleTab().client}>
        <Page />
      </AuthProvider>,
    );
    expect(html).toContain("loading");
    expect(browser.server.seen).toEqual([]);
  });

  test("useAuth without a provider says what is missing", () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(() => render(<Page />)).toThrow("Hooks of sealring need an <AuthProvider> above.");
  });
});
