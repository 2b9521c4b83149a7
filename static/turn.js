/** A turn: one question and its answer, with the passages that it stands on. */

import { blocks, element, grow, link, webUrl } from "./markdown.js";

/** Why there is no answer, in words for the reader. wait: seconds until asking again makes sense. */
export class Problem extends Error {
  constructor(title, detail, { wait = 0, status = 0 } = {}) {
    super(title);
    Object.assign(this, { title, detail, wait, status });
  }
}

export function place(citation) {
  return [citation.title, ...citation.heading_path.filter((part) => part !== citation.title)].filter(Boolean).join(" › ");
}

function outcomeOf(answer) {
  if (answer.decision === "escalate") return ["caution", "Not answered from the documentation"];
  if (answer.decision === "draft") return ["caution", "Not sure about this one: please check the sources"];
  return ["plain", answer.kind === "extractive" ? "Quoted from the documentation" : "From the documentation"];
}

export class Turn {
  constructor(id, question) {
    this.id = id;
    this.question = question;
    this.node = element("article", { class: "turn", id });
    this.reset();
  }

  reset() {
    this.text = "";
    this.citations = new Map();
    this.answer = element("div", { class: "answer", "aria-busy": "true" });
    this.pending = element("p", { class: "pending" }, "Looking in the documentation");
    this.sourceList = element("ol", {});
    this.sources = element("section", { class: "sources", hidden: "" });
    this.sources.append(element("h3", { class: "label" }, "Sources"), this.sourceList);
    const question = element("h2", { class: "question", dir: "auto" }, this.question);
    this.node.replaceChildren(question, this.answer, this.pending, this.sources);
  }

  add(text) {
    this.text += text;
    this.pending.textContent = "Writing";
  }

  cite(citation) {
    if (this.citations.has(citation.marker)) return;
    this.citations.set(citation.marker, citation);
    this.sourceList.append(this.source(citation));
    this.sources.hidden = false;
  }

  source(citation) {
    const { marker, url, quote } = citation;
    const href = /^https?:/i.test(url) ? webUrl(url) : null; // relative to a site that this page does not know
    const where = href ? link(href, place(citation)) : element("span", {}, place(citation));
    const passage = element("blockquote", { id: `${this.id}-quote-${marker}`, dir: "auto" }, quote);
    const summary = element(
      "summary",
      {},
      element("span", { class: "passage-label" }, "Quoted passage"),
      element("span", { class: "peek" }, quote),
    );
    return element(
      "li",
      { class: "source", dir: "auto" },
      element("span", { class: "source-number" }, String(marker)),
      element(
        "div",
        {},
        where,
        element("details", { id: `${this.id}-source-${marker}` }, summary, passage),
      ),
    );
  }

  marker(number) {
    const citation = this.citations.get(number);
    if (!citation) return null;
    const attributes = {
      href: `#${this.id}-source-${number}`,
      "aria-label": `Source ${number}: ${place(citation)}`,
      "aria-describedby": `${this.id}-quote-${number}`,
    };
    return element("sup", { class: "cite" }, element("a", attributes, String(number)));
  }

  render() {
    const fresh = new DocumentFragment();
    fresh.append(...blocks(this.text.split("\n"), (number) => this.marker(number)));
    grow(this.answer, fresh);
  }

  complete(answer) {
    this.text = answer.text;
    answer.citations.forEach((citation) => this.cite(citation));
    const [tone, text] = outcomeOf(answer);
    const seconds = (answer.timings_ms.total / 1000).toFixed(1);
    this.end(
      element(
        "p",
        { class: "outcome", "data-tone": tone },
        element("span", { class: "outcome-text" }, text),
        element("span", {}, element("bdi", {}, `${seconds} s`)),
      ),
    );
  }

  stop() {
    const text = this.text ? "Stopped: the answer is not complete" : "Stopped";
    const words = element("span", { class: "outcome-text" }, text);
    this.end(element("p", { class: "outcome" }, words, element("button", { type: "button", class: "quiet retry" }, "Ask again")));
  }

  fail(problem) {
    const retry = element("button", { type: "button", class: "quiet retry" }, "Retry");
    const words = element("div", { role: "alert" }, element("strong", {}, problem.title), element("p", {}, problem.detail));
    this.end(element("div", { class: "problem" }, words, retry));
    if (problem.wait) this.countDown(retry, problem.wait);
  }

  countDown(button, seconds) {
    button.disabled = seconds > 0;
    button.textContent = seconds > 0 ? `Retry in ${seconds} s` : "Retry";
    if (seconds > 0) setTimeout(() => this.countDown(button, seconds - 1), 1000);
  }

  end(last) {
    this.render();
    this.answer.setAttribute("aria-busy", "false");
    this.pending.remove();
    this.node.append(last);
  }

  /** The answer as it is read out: without code buttons and markers. */
  spoken() {
    const copy = this.answer.cloneNode(true);
    copy.querySelectorAll(".code-head, .cite").forEach((node) => node.remove());
    const texts = [...copy.children].map((block) => block.textContent.trim());
    return [...texts, this.node.querySelector(".outcome-text").textContent].filter(Boolean).join("\n");
  }
}
