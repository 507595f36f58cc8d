// Writes src/errors.generated.ts from spec/error-codes.json; with --check it only tells whether they agree.
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { URL } from "node:url";

const source = new URL("../../spec/error-codes.json", import.meta.url);
const target = new URL("../src/errors.generated.ts", import.meta.url);

/** The TypeScript text for one parsed error-codes.json. */
function render(spec) {
  const codes = Object.entries(spec.codes);
  const actions = Object.entries(spec.actions);
  return `// Generated from spec/error-codes.json by scripts/generate-errors.mjs. Do not edit: run \`npm run generate\`.

/** Number of the contract between server and client; every request of the client carries it. */
export const CONTRACT = "${spec.contract}";

/**
 * What a client does about an error.
 *
${actions.map(([name, meaning]) => ` * - \`${name}\`: ${meaning}`).join("\n")}
 */
export type Action = (typeof ACTIONS)[number];

/** Every {@link Action}. */
export const ACTIONS = [${actions.map(([name]) => `"${name}"`).join(", ")}] as const;

/** Every error code that the server's contract names. */
export type ErrorCode =
${union(codes)};

/** The codes whose action is \`sign_in\`: the session is over. */
export type SignInCode =
${union(codes.filter(([, entry]) => entry.action === "sign_in"))};
`;
}

function union(codes) {
  return codes.map(([code]) => `  | "${code}"`).join("\n");
}

const wanted = render(JSON.parse(readFileSync(source, "utf8")));
if (!process.argv.includes("--check")) {
  writeFileSync(target, wanted);
} else if (readFileSync(target, "utf8") !== wanted) {
  process.stderr.write(
    "client/src/errors.generated.ts differs from spec/error-codes.json: run `npm run generate`.\n",
  );
  process.exitCode = 1;
}
