import { expect, test } from "vitest";

import { inTurn } from "../lib/in-turn.ts";

function gate() {
  let refuse!: (error: Error) => void;
  const passed = new Promise<void>((_, reject) => (refuse = reject));
  return { passed, refuse };
}

test("tasks of one key wait for each other, also after a failure; other keys do not wait", async () => {
  const run = inTurn();
  const log: string[] = [];
  const first = gate();
  const task = (name: string) => () => Promise.resolve(void log.push(name));

  const failing = run("a", async () => {
    log.push("first");
    await first.passed;
  });
  const second = run("a", task("second"));
  await run("b", task("other"));
  expect(log).toEqual(["first", "other"]);

  first.refuse(new Error("refused"));
  await expect(failing).rejects.toThrow("refused");
  await second;
  expect(log).toEqual(["first", "other", "second"]);
});
