// Prints what each entry point costs an application: minified, gzip level 9, React left out. Fails over the budget.
import { Buffer } from "node:buffer";
import process from "node:process";
import { fileURLToPath, URL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Entry point and its budget in bytes. */
const BUDGETS = { index: 7_300, "account/index": 900, "react/index": 1_500 };

for (const [entry, budget] of Object.entries(BUDGETS)) {
  const output = await build({
    root,
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      minify: true,
      lib: { entry: `src/${entry}.ts`, formats: ["es"], fileName: "size" },
      // A library build keeps white space for tree shaking; an application's does not.
      rolldownOptions: { external: ["react"], output: { minify: true } },
    },
  });
  const code = output.flatMap((bundle) => bundle.output).map((chunk) => ("code" in chunk ? chunk.code : ""));
  const bytes = gzipSync(Buffer.from(code.join("")), { level: 9 }).length;
  process.stdout.write(`${entry}: ${bytes} of ${budget} bytes (minified, gzip)\n`);
  if (bytes > budget) process.exitCode = 1;
}
