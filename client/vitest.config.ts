import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    environment: "node",
    testTimeout: 10_000,
    restoreMocks: true,
    coverage: {
      provider: "v8",
      reporter: ["text-summary"],
      include: ["src/*.ts", "src/account/*.ts"],
      thresholds: { statements: 100, branches: 100, functions: 100, lines: 100 },
    },
  },
});
