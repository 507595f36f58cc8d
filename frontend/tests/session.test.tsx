// @vitest-environment jsdom
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createClient } from "sealring";
import { AuthProvider } from "sealring/react";
import { beforeEach, expect, test } from "vitest";

import { EndingBanner } from "../components/shell/EndingBanner.tsx";
import { SessionStrip } from "../components/shell/SessionStrip.tsx";
import "./dom.ts";
import { refusal, type Server, sessionAnswer, startServer } from "./server.ts";

let server: Server;

beforeEach(() => {
  server = startServer();
});

function open() {
  const client = createClient();
  render(
    <AuthProvider client={client}>
      <EndingBanner />
      <SessionStrip />
    </AuthProvider>,
  );
  return client;
}

const strip = () => screen.findByTestId("session-strip");

test("a renewal shows with its time, and the next one is announced", async () => {
  server.on("GET /auth/session", () => sessionAnswer("current"));
  server.on("POST /auth/refresh", () => sessionAnswer("rotated", { generation: 2 }));
  const client = open();
  expect((await strip()).textContent).toContain("Your session is active");
  expect((await strip()).textContent).toMatch(/Next renewal in \d+ min \d+ s/);

  await client.refresh();

  await waitFor(async () =>
    expect((await strip()).textContent).toMatch(/Session renewed at \d\d:\d\d:\d\d, in \d+ ms/),
  );
});

test("a session that ends for want of use is announced, and kept on request", async () => {
  server.on("GET /auth/session", () => sessionAnswer("current", { idle_expires_in: 90 }));
  server.on("POST /auth/refresh", () => sessionAnswer("unchanged"));
  open();

  await userEvent.setup().click(await screen.findByRole("button", { name: "Stay signed in" }));

  await waitFor(() => expect(screen.queryByText(/You will be signed out soon/)).toBeNull());
});

test("an end that nothing can help is announced without an offer", async () => {
  server.on("GET /auth/session", () =>
    sessionAnswer("current", { idle_expires_in: 90, session_expires_in: 90 }),
  );
  server.on("POST /auth/refresh", () => refusal(503, "store_unavailable", "retry"));
  open();

  expect(await screen.findByText(/Your session will end soon/)).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Stay signed in" })).toBeNull();
});
