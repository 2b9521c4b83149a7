/** The visitor's opinion of an answer: a thumb, and a comment with it. */

import { call } from "./api.js";
import { element, iconButton } from "./dom.js";
import { text } from "./strings.js";

// A thumb up; the style sheet turns it over.
const THUMB = "M5 7.5v6H3v-6zM5 8l2.6-5.2c1 0 1.7.7 1.5 1.8L8.7 6.5h3.5c.8 0 1.3.7 1.1 1.5l-1 4.4c-.2.7-.7 1.1-1.4 1.1H5";

export class Feedback {
  /** rating: "up", "down" or null, as it was given before. */
  constructor(answerId, rating, announce) {
    Object.assign(this, { answerId, announce });
    this.buttons = ["up", "down"].map((value) =>
      iconButton("tool", () => this.toggle(value), text(value), THUMB, { value }),
    );
    this.thumbs = element("div.thumbs", { role: "group", "aria-label": text("rate") }, ...this.buttons);
    this.note = element("div");
    this.node = element("div.feedback", this.note);
    this.show(rating);
  }

  show(rating) {
    this.rating = rating;
    for (const thumb of this.buttons) thumb.setAttribute("aria-pressed", String(thumb.value === rating));
  }

  async toggle(value) {
    const before = this.rating;
    this.show(value === before ? null : value);
    this.note.replaceChildren(...(this.rating ? [this.form()] : []));
    this.note.scrollIntoView({ block: "nearest" });
    if (!(await this.save("")) && this.rating === (value === before ? null : value)) this.show(before);
    else if (this.rating) this.announce(text("thanks"));
  }

  /** Whether the service has taken it; if not, the visitor is told. */
  async save(comment) {
    const { rating } = this;
    const request = rating ? { method: "PUT", body: { rating, comment } } : { method: "DELETE" };
    try {
      await call(`answers/${this.answerId}/feedback`, request);
      return true;
    } catch {
      this.say(text("failedDetail"));
      return false;
    }
  }

  say(words) {
    this.note.replaceChildren(element("p.said", words));
    this.announce(words);
  }

  form() {
    const field = element("textarea", { rows: "2", dir: "auto", maxlength: "2000" });
    const label = element("label", element("span", text("comment")), field);
    const form = element("form.comment", label, element("button.quiet", text("send")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!field.value.trim()) return field.focus();
      if (!(await this.save(field.value.trim()))) return;
      const inside = form.contains(form.getRootNode().activeElement);
      this.say(text("thanks"));
      if (inside) this.buttons.find(({ value }) => value === this.rating)?.focus();
    });
    return form;
  }
}
