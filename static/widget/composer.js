/** Where the question is written: one button, which sends it, or stops the answer that is on its way. */

import { element, icon } from "./dom.js";
import { text } from "./strings.js";

const SEND = "M8 13V3M3.5 7.5 8 3l4.5 4.5";
const STOP = "M4.5 4.5h7v7h-7z";

export class Composer {
  /** ask(question) and stop(): what the button does. */
  constructor(ask, stop) {
    this.field = element("textarea", { maxlength: "4000",
      id: "question", rows: "1", dir: "auto", placeholder: text("placeholder"), enterkeyhint: "send", autocomplete: "off",
    });
    this.button = element("button.send", icon(SEND, "icon-send"), icon(STOP, "icon-stop"));
    const label = element("label.unseen", { for: "question" }, text("question"));
    this.node = element("form.composer", label, element("div.field", this.field, this.button));
    this.setRunning(false);
    this.field.addEventListener("input", () => this.fit());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send(ask);
    });
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.running) stop();
      else this.send(ask);
    });
  }

  send(ask) {
    const question = this.field.value.trim();
    if (this.running) return;
    if (!question) return this.field.focus();
    this.field.value = "";
    this.fit();
    ask(question);
  }

  /** A question that is not sent yet. */
  write(question) {
    this.field.value = question;
    this.fit();
  }

  setRunning(running) {
    this.running = running;
    this.node.toggleAttribute("data-running", running);
    const name = text(running ? "stop" : "send");
    this.button.ariaLabel = this.button.title = name;
  }

  fit() {
    this.field.style.blockSize = "auto";
    this.field.style.blockSize = `${this.field.scrollHeight}px`;
  }

  /** The button has it where a focused field would bring up a screen keyboard over the answer. */
  focus() {
    (matchMedia("(pointer: coarse)").matches ? this.button : this.field).focus({ preventScroll: true });
  }
}
