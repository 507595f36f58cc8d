import { type RefObject, type SubmitEvent, useEffect, useRef, useState } from "react";

import { brokenFields } from "../lib/constraints.ts";
import { type Failure, failureOf } from "../lib/failure.ts";

const NO_FAILURE: Failure = { message: null, fields: {} };

export interface Submission {
  formRef: RefObject<HTMLFormElement | null>;
  pending: boolean;
  failure: Failure;
  onSubmit: (event: SubmitEvent<HTMLFormElement>) => void;
}

/**
 * Runs a form: one submission at a time, and after a failure the focus goes to the first wrong field or the message.
 *
 * @param task gets the text of each field by name, and the form; throws what went wrong.
 * @param explain turns what was thrown into words.
 */
export function useSubmit(
  task: (text: (name: string) => string, form: HTMLFormElement) => Promise<void>,
  explain: (error: unknown) => Failure = failureOf,
): Submission {
  const formRef = useRef<HTMLFormElement>(null);
  const [pending, setPending] = useState(false);
  const [failure, setFailure] = useState(NO_FAILURE);

  useEffect(() => {
    if (failure === NO_FAILURE) return;
    const form = formRef.current;
    const target = form?.querySelector('[aria-invalid="true"]') ?? form?.querySelector('[role="alert"]');
    if (target instanceof HTMLElement) target.focus();
  }, [failure]);

  const submit = async (form: HTMLFormElement) => {
    const fields = brokenFields(form);
    setFailure(Object.keys(fields).length > 0 ? { message: null, fields } : NO_FAILURE);
    if (Object.keys(fields).length > 0) return;
    const data = new FormData(form);
    setPending(true);
    try {
      await task((name) => textOf(data, name), form);
    } catch (error) {
      setFailure(withoutStrays(explain(error), form));
    } finally {
      setPending(false);
    }
  };

  return {
    formRef,
    pending,
    failure,
    onSubmit: (event) => {
      event.preventDefault();
      if (!pending) void submit(event.currentTarget);
    },
  };
}

/** What is said about a field that the form does not have would be lost: it goes into the message. */
function withoutStrays({ message, fields }: Failure, form: HTMLFormElement): Failure {
  const known = Object.entries(fields).filter(([name]) => form.elements.namedItem(name));
  const strays = Object.entries(fields).filter(([name]) => !form.elements.namedItem(name));
  const sentences = [message, ...strays.map(([, sentence]) => sentence)].filter(Boolean);
  return { message: sentences.join(" ") || null, fields: Object.fromEntries(known) };
}

function textOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value : "";
}
