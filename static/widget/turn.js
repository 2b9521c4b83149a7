/** A turn: one question and its answer, with the passages that it stands on. */

import { Cut } from "./api.js";
import { blocks } from "./blocks.js";
import { button, element, grow } from "./dom.js";
import { Feedback } from "./feedback.js";
import { highlightCode } from "./highlighting.js";
import { citeMarker, sourceEntry } from "./sources.js";
import { newMessageId } from "./stream.js";
import { text } from "./strings.js";

let count = 0;

function outcomeOf({ decision, kind }) {
  if (decision === "escalate") return ["caution", text("unanswered")];
  if (decision === "draft") return ["caution", text("unsure")];
  return ["plain", text(kind === "extractive" ? "quoted" : "answered")];
}

/** Why there is no answer: a title, a detail, and the seconds to wait before asking again makes sense. */
function reasonOf(error) {
  const [title, detail] = navigator.onLine ? ["unreachable", "failedDetail"] : ["offline", "offlineDetail"];
  if (error instanceof Cut) return { title: text(title), detail: text(detail), wait: 0 };
  return { title: error.message, detail: error.detail, wait: error.wait };
}

export class Turn {
  /** actions: retry(turn), person() or null where nobody is there, announce(words). */
  constructor(question, actions) {
    this.id = `turn-${(count += 1)}`;
    this.actions = actions;
    this.message = { question };
    this.answer = element("div.answer");
    this.pending = element("p.pending");
    this.sourceList = element("ol");
    this.sources = element("section.sources", element("h4.label", text("sources")), this.sourceList);
    this.last = element("div.last");
    const heading = element("h3.question", { dir: "auto" }, question);
    this.node = element("article.turn", heading, this.answer, this.pending, this.sources, this.last);
    this.renew();
  }

  /** As if it had not been asked yet. */
  renew() {
    Object.assign(this.message, { conversationId: null, messageId: newMessageId(), answerId: null, lastEvent: null });
    this.text = "";
    this.citations = new Map();
    this.sources.hidden = true;
    this.sourceList.replaceChildren();
    this.render();
  }

  /** The answer is on its way, or goes on. */
  begin() {
    this.error = null;
    this.last.replaceChildren();
    this.answer.setAttribute("aria-busy", "true");
    this.pending.hidden = false;
    this.say(text(this.text ? "writing" : "looking"));
  }

  say(words) {
    if (this.pending.textContent !== words) this.pending.textContent = words;
  }

  add(words) {
    this.text += words;
    this.say(text("writing"));
  }

  cite(citation) {
    if (this.citations.has(citation.marker)) return;
    this.citations.set(citation.marker, citation);
    this.sourceList.append(sourceEntry(this.id, citation));
    this.sources.hidden = false;
  }

  render() {
    const marker = (number) => (this.citations.has(number) ? citeMarker(this.id, this.citations.get(number)) : null);
    const fresh = new DocumentFragment();
    fresh.append(...blocks(this.text.split("\n"), marker));
    highlightCode(fresh, () => this.render());
    grow(this.answer, fresh);
  }

  /** rating: what the visitor has said of it before. */
  complete(answer, rating = null) {
    this.text = answer.text;
    answer.citations.forEach((citation) => this.cite(citation));
    const [tone, words] = outcomeOf(answer);
    const outcome = element("p.outcome", { "data-tone": tone }, words);
    const feedback = new Feedback(answer.id, rating, this.actions.announce);
    const row = element("div.row", outcome, feedback.thumbs);
    this.end(...(answer.decision === "escalate" ? this.offer() : []), row, feedback.node);
  }

  offer() {
    if (!this.actions.person) return [];
    const ask = button("primary", this.actions.person, text("person"));
    return [element("div.offer", element("p", text("personOffer")), ask)];
  }

  stop() {
    const outcome = element("p.outcome", text("stopped"));
    this.end(element("div.row", outcome, this.retryButton()));
  }

  fail(error) {
    this.error = error;
    const { title, detail, wait } = reasonOf(error);
    const words = element("div", { role: "alert", dir: "auto" }, element("strong", title), element("p", detail));
    const retry = this.retryButton();
    this.end(element("div.problem", words, retry));
    this.countDown(retry, wait);
  }

  retryButton() {
    const ask = (event) => event.currentTarget.ariaDisabled !== "true" && this.actions.retry(this);
    return button("quiet.retry", ask, text("retry"));
  }

  /** The button stays where it is and keeps the focus, and says how long it does nothing. */
  countDown(retry, seconds) {
    retry.setAttribute("aria-disabled", String(seconds > 0));
    retry.textContent = seconds > 0 ? text("retryIn", { n: seconds }) : text("retry");
    if (seconds > 0) setTimeout(() => this.countDown(retry, seconds - 1), 1000);
  }

  end(...nodes) {
    this.render();
    this.answer.setAttribute("aria-busy", "false");
    this.pending.hidden = true;
    this.last.replaceChildren(...nodes);
  }

  /** The answer as it is read out: without code buttons and markers. */
  spoken() {
    const copy = this.answer.cloneNode(true);
    copy.querySelectorAll(".code-head, .cite").forEach((node) => node.remove());
    const words = [...copy.children].map((block) => block.textContent.trim());
    return [...words, this.last.querySelector(".outcome").textContent].filter(Boolean).join("\n");
  }
}
