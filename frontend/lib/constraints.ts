/** The browser's own checks of a form, in our words and beside the fields instead of in bubbles. */

/** A sentence for each named field that the browser finds wrong. */
export function brokenFields(form: HTMLFormElement): Record<string, string> {
  const broken: Record<string, string> = {};
  for (const control of form.elements) {
    if (isControl(control) && control.name && !control.validity.valid)
      broken[control.name] = sentence(control);
  }
  return broken;
}

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

function isControl(element: Element): element is Control {
  return ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName);
}

function sentence(control: Control): string {
  const { valueMissing, badInput, typeMismatch, tooShort } = control.validity;
  if (badInput) return "This is not complete.";
  if (valueMissing) return `${control.labels?.[0]?.textContent ?? "This"} is missing.`;
  if (typeMismatch) return "This does not look like an email address.";
  if (tooShort && "minLength" in control) return `Use at least ${control.minLength} characters.`;
  return control.validationMessage;
}
