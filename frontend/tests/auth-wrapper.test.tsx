// @vitest-environment jsdom
import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import "./dom.ts";
import { refusal, type Server, sessionAnswer, startServer } from "./server.ts";

let server: Server;

beforeEach(() => {
  server = startServer();
  server.on("GET /auth/session", () => refusal(401, "not_authenticated", "sign_in"));
  server.on("POST /auth/login", () => sessionAnswer("opened"));
  server.on("POST /auth/logout", () => Response.json({ outcome: "signed_out", ended: 1 }));
});

/** A page that was just opened, with a client of its own. */
async function openPage() {
  vi.resetModules();
  const { AuthWrapper } = await import("../components/AuthWrapper.tsx");
  const { ToastsProvider, useToasts } = await import("../components/ui/Toasts.tsx");
  const { client } = await import("../lib/api-client.ts");
  const Page = () => {
    const toasts = useToasts();
    return <button onClick={() => toasts.show({ text: "Deleted a secret" })}>The secret list</button>;
  };
  render(
    <ToastsProvider>
      <AuthWrapper>
        <Page />
      </AuthWrapper>
    </ToastsProvider>,
  );
  return client;
}

async function signIn() {
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("Email"), "ada@example.org");
  await user.type(screen.getByLabelText("Password"), "correct horse battery");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  await screen.findByText("The secret list");
}

test("who is not signed in sees the form, not the pages", async () => {
  await openPage();
  expect(await screen.findByRole("button", { name: "Sign in" })).toBeTruthy();
  expect(screen.queryByText("The secret list")).toBeNull();
});

test("who is signed in already sees the pages without a form in between", async () => {
  server.on("GET /auth/session", () => sessionAnswer("current"));
  await openPage();
  expect(screen.queryByRole("button", { name: "Sign in" })).toBeNull();
  expect(await screen.findByText("The secret list")).toBeTruthy();
});

test("signing in sends the credentials and the wish to be remembered", async () => {
  await openPage();
  await signIn();
  const login = server.asked.find(({ path }) => path === "/auth/login");
  expect(login?.body).toEqual({
    email: "ada@example.org",
    password: "correct horse battery",
    remember: true,
  });
});

test("wrong credentials are said in words, and what was typed stays", async () => {
  server.on("POST /auth/login", () => refusal(401, "credentials_invalid", "fix"));
  const user = userEvent.setup();
  await openPage();
  await user.type(await screen.findByLabelText("Email"), "ada@example.org");
  await user.type(screen.getByLabelText("Password"), "wrong");
  await user.click(screen.getByRole("button", { name: "Sign in" }));

  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("do not match");
  expect(document.activeElement).toBe(alert);
  expect(screen.getByLabelText<HTMLInputElement>("Email").value).toBe("ada@example.org");
});

test("an empty field is said beside the field, takes the focus, and nothing is sent", async () => {
  const user = userEvent.setup();
  await openPage();
  await user.click(await screen.findByRole("button", { name: "Sign in" }));

  const email = screen.getByLabelText("Email");
  expect(document.activeElement).toBe(email);
  expect(email.getAttribute("aria-invalid")).toBe("true");
  expect(screen.getByText("Email is missing.").id).toBe(email.getAttribute("aria-describedby"));
  expect(server.asked.some(({ path }) => path === "/auth/login")).toBe(false);
});

test.each([
  ["session_revoked", "This session was ended"],
  ["session_expired_idle", "You were away for a while"],
  ["session_reused", "We signed you out to be safe"],
])("a session that ends with %s is explained before the form", async (code, title) => {
  const client = await openPage();
  await signIn();
  server.on("POST /auth/refresh", () => refusal(401, code, "sign_in"));
  await act(() => client.refresh().catch(() => null));

  expect(screen.queryByText("The secret list")).toBeNull();
  expect(screen.getByRole("heading", { name: title })).toBe(document.activeElement);

  await userEvent.setup().click(screen.getByRole("button", { name: "Sign in again" }));
  expect(screen.getByLabelText("Email")).toBeTruthy();
});

test("a server out of reach signs nobody out", async () => {
  const client = await openPage();
  await signIn();
  server.on("POST /auth/refresh", () => refusal(503, "store_unavailable", "retry"));
  await act(() => client.refresh().catch(() => null));
  expect(screen.getByText("The secret list")).toBeTruthy();
});

test("signing out leads straight to the form", async () => {
  const client = await openPage();
  await signIn();
  await act(() => client.logout());
  expect(screen.getByRole("button", { name: "Sign in" })).toBeTruthy();
});

test("a message of the pages does not stay behind for who comes next", async () => {
  const client = await openPage();
  await signIn();
  await userEvent.setup().click(screen.getByText("The secret list"));
  expect(screen.getByText("Deleted a secret")).toBeTruthy();
  await act(() => client.logout());
  expect(screen.queryByText("Deleted a secret")).toBeNull();
});
