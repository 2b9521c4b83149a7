/** Citations: the numbered markers in an answer, the list of sources below it, and the card with the quote. */

import { element } from "./dom.js";
import { link, safeUrl } from "./links.js";
import { text } from "./strings.js";

/** Where in the docs a citation leads, in words: its title and headings. */
export function place({ title, heading_path: path }) {
  return [title, ...path.filter((part) => part !== title)].filter(Boolean).join(" › ");
}

/** The entry of a citation in the list of sources. id: of its turn. */
export function sourceEntry(id, citation) {
  const { marker, url, quote } = citation;
  const href = safeUrl(url);
  const where = href ? link(href, {}, place(citation)) : element("span", place(citation));
  const summary = element(
    "summary",
    {},
    element("span.passage", text("passage")),
    element("span.peek", quote),
  );
  const passage = element("blockquote", { id: `${id}-quote-${marker}`, dir: "auto" }, quote);
  return element("li.source", { dir: "auto" },
    element("span.source-number", String(marker)),
    element("div", where, element("details", { id: `${id}-source-${marker}` }, summary, passage)),
  );
}

/** The marker of a citation: a link to its page, or, where that has no address, to its entry among the sources. */
export function citeMarker(id, citation) {
  const { marker, url } = citation;
  const attributes = {
    "aria-label": text("source", { n: marker, place: place(citation) }),
    "aria-describedby": `${id}-quote-${marker}`,
    "data-marker": marker,
  };
  const number = element("span", String(marker));
  const href = safeUrl(url);
  const entry = { href: `#${id}-source-${marker}` };
  return element("sup.cite", href ? link(href, attributes, number) : element("a", { ...entry, ...attributes }, number));
}

/** The card that shows a citation's quote beside its marker while that has the pointer or the focus. */
export class Card {
  constructor() {
    this.node = element("div.card", { "aria-hidden": "true", hidden: "" });
    this.hiding = 0;
    this.node.addEventListener("pointerenter", () => clearTimeout(this.hiding));
    this.node.addEventListener("pointerleave", () => this.hideSoon());
  }

  get shown() {
    return !this.node.hidden;
  }

  /** Beside a marker, within the panel. */
  show(marker, citation, panel) {
    clearTimeout(this.hiding);
    Object.assign(this, { marker, panel });
    this.node.replaceChildren(
      element("p.place", { dir: "auto" }, place(citation)),
      element("p.quote", { dir: "auto" }, citation.quote),
    );
    this.node.hidden = false;
    this.follow();
  }

  /** Stay beside the marker, which may have been scrolled. */
  follow() {
    if (!this.shown) return;
    const { left, top, bottom, width } = this.marker.getBoundingClientRect();
    const bounds = this.panel.getBoundingClientRect();
    const { offsetWidth, offsetHeight, style } = this.node;
    const room = Math.min(bounds.right, innerWidth) - offsetWidth - 8;
    const above = top - offsetHeight - 4;
    style.left = `${Math.max(8, bounds.left + 8, Math.min(left + width / 2 - offsetWidth / 2, room))}px`;
    style.top = `${above > 8 ? above : bottom + 4}px`;
  }

  hide() {
    clearTimeout(this.hiding);
    this.node.hidden = true;
  }

  /** There is time to reach the card with the pointer. */
  hideSoon() {
    this.hiding = setTimeout(() => this.hide(), 250);
  }
}
