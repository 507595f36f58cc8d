import { defineConfig } from "vite";

// Entry points; React stays outside. Not minified: the application's own build does that.
export default defineConfig({
  build: {
    target: "es2022",
    sourcemap: true,
    minify: false,
    lib: {
      entry: {
        index: "src/index.ts",
        "account/index": "src/account/index.ts",
        "live/index": "src/live/index.ts",
        "monitor/index": "src/monitor/index.ts",
        "react/index": "src/react/index.ts",
      },
      formats: ["es"],
    },
    rolldownOptions: { external: ["react"] },
  },
});
