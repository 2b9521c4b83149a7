/** Copying code. */

import { element } from "./dom.js";
import { text } from "./strings.js";

/** Copy the code block that the button `target` stands in, and say on it and in `announcement` whether that went well. */
export async function copyCode(target, announcement) {
  const code = target.closest(".code").querySelector("code").textContent;
  const copied = await Promise.resolve(navigator.clipboard?.writeText(code) ?? Promise.reject()).then(
    () => true,
    () => copySelected(target, code),
  );
  announcement.textContent = target.textContent = text(copied ? "copied" : "notCopied");
  setTimeout(() => (target.textContent = text("copy")), 1600);
}

/** Where the clipboard is denied (no https, or a policy of the page): the selection of a field is copied. */
function copySelected(target, code) {
  const field = element("textarea.unseen");
  field.value = code;
  target.after(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  target.focus();
  return copied;
}
