import { expect, test, vi } from "vitest";

import { Toasts } from "../lib/toasts.ts";

function shownId(toasts: Toasts): number {
  const [toast] = toasts.getSnapshot();
  if (!toast) throw new Error("no toast shows");
  return toast.id;
}

test("closing carries out what the action would have undone, once", async () => {
  const toasts = new Toasts();
  const [run, onClose] = [vi.fn(), vi.fn()];
  toasts.show({ text: "Deleted", action: { label: "Undo", run }, onClose });
  const id = shownId(toasts);

  await toasts.close(id);
  await toasts.close(id);
  toasts.act(id);

  expect(onClose).toHaveBeenCalledTimes(1);
  expect(run).not.toHaveBeenCalled();
});

test("the action is taken instead of closing", async () => {
  const toasts = new Toasts();
  const [run, onClose] = [vi.fn(), vi.fn()];
  toasts.show({ text: "Deleted", action: { label: "Undo", run }, onClose });
  const id = shownId(toasts);

  toasts.act(id);
  await toasts.close(id);

  expect(run).toHaveBeenCalledTimes(1);
  expect(onClose).not.toHaveBeenCalled();
});

test("settling waits for everything that closing starts", async () => {
  const toasts = new Toasts();
  const done: string[] = [];
  for (const text of ["one", "two"]) {
    toasts.show({
      text,
      onClose: async () => {
        await Promise.resolve();
        done.push(text);
      },
    });
  }

  await toasts.settle();

  expect(done).toEqual(["one", "two"]);
  expect(toasts.getSnapshot()).toEqual([]);
});

test("the oldest message makes room, and what it held back is carried out", () => {
  const toasts = new Toasts();
  const onClose = vi.fn();
  toasts.show({ text: "one", onClose });
  for (const text of ["two", "three", "four"]) toasts.show({ text });

  expect(toasts.getSnapshot().map(({ text }) => text)).toEqual(["two", "three", "four"]);
  expect(onClose).toHaveBeenCalledTimes(1);
});
