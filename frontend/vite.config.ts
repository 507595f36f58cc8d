import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const client = (path: string) => fileURLToPath(new URL(`../client/src/${path}`, import.meta.url));
const backend = { target: "http://127.0.0.1:8000" };

export default defineConfig({
  plugins: [react()],
  resolve: {
    // The client's source, so that no build of it has to come first.
    alias: [
      { find: /^sealring$/, replacement: client("index.ts") },
      { find: /^sealring\/(account|live|react)$/, replacement: client("$1/index.ts") },
    ],
    dedupe: ["react", "react-dom"],
  },
  server: {
    port: 5173,
    proxy: { "/api": { ...backend, ws: true }, "/auth": backend },
  },
  build: {
    // The first browsers with all of: light-dark(), :has(), CSS layers, <dialog>.
    target: ["chrome123", "firefox121", "safari17.5"],
    // `default-src 'self'` allows neither data: URLs nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    // Tests of pages say `@vitest-environment jsdom` and import tests/dom.ts.
    environment: "node",
    include: ["tests/**/*.test.{ts,tsx}"],
    testTimeout: 20_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
