// Writes api.md, everything that the built package exports, as its declarations say it; with --check it only tells
// whether they agree. So a change of the interface is seen in review, whether it was meant or not.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath, URL } from "node:url";
import ts from "typescript";

const root = new URL("..", import.meta.url);
const target = new URL("api.md", root);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const entries = Object.entries(exports).map(([name, { types }]) => [
  name.replace(/^\./, "sealring"),
  fileURLToPath(new URL(types, root)),
]);
const program = ts.createProgram(
  entries.map(([, file]) => file),
  { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, skipLibCheck: true, types: [] },
);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

/** The exports of one entry point, by name, without comments. */
function declarationsOf(file) {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${file} is missing: run \`npm run build\` first.`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((symbol) => symbol.declarations ?? [])
    .map((node) => {
      const whole = ts.isVariableDeclaration(node) ? node.parent.parent : node;
      return printer.printNode(ts.EmitHint.Unspecified, whole, whole.getSourceFile());
    });
}

const text = [
  "# What the client exports",
  "Written by `npm run api --workspace client` from the built package. Do not edit.",
  ...entries.map(([name, file]) => `## ${name}\n\n\`\`\`ts\n${declarationsOf(file).join("\n\n")}\n\`\`\``),
].join("\n\n");
if (!process.argv.includes("--check")) {
  writeFileSync(target, `${text}\n`);
} else if (readFileSync(target, "utf8") !== `${text}\n`) {
  process.stderr.write(
    "client/api.md differs from what the client exports: run `npm run api --workspace client`.\n",
  );
  process.exitCode = 1;
}
