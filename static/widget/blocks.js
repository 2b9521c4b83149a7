/** Markdown: a subset, built as nodes. Headings of an answer are paragraphs in bold: they are no headings of the page. */

import { element } from "./dom.js";
import { inline } from "./inline.js";
import { text } from "./strings.js";

const DEPTH = 8; // nesting beyond this is shown as plain text
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?: +(.*))?$/;
const FENCE = /^( *)(`{3,}|~{3,}) *([^\s`]*)[^`]*$/;

// What a line starts, and the function that reads it: (lines, at, cite, depth) -> [node, index of the next line].
const BLOCKS = [
  [FENCE, codeBlock],
  [/^ {0,3}#{1,6} +\S/, heading],
  [/^ {0,3}([-*_])( *\1){2,} *$/, (lines, at) => [element("hr"), at + 1]],
  [ITEM, list],
  [/^ {0,3}>/, quotation],
  [/^ *\|/, table],
];

/** The nodes of markdown lines. cite: marker number -> node, or null where there is no such citation. */
export function blocks(lines, cite, depth = 0) {
  const nodes = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const read = (depth < DEPTH && BLOCKS.find(([start]) => start.test(lines[at]))?.[1]) || paragraph;
    const [node, next] = read(lines, at, cite, depth);
    if (depth === 0 && !node.dir) node.dir = "auto"; // a list has one direction, so that its markers stand on one side
    nodes.push(node);
    at = next;
  }
  return nodes;
}

function runEnd(lines, at, belongs) {
  let end = at + 1;
  while (end < lines.length && belongs(lines[end])) end += 1;
  return end;
}

function continuesParagraph(line) {
  return line.trim() !== "" && !BLOCKS.some(([start]) => start.test(line));
}

function paragraph(lines, at, cite) {
  const end = runEnd(lines, at, continuesParagraph);
  const node = element("p", ...inline(lines.slice(at, end).join("\n").trim(), cite));
  const onlyMarkers = [...node.childNodes].every((child) => child.className === "cite" || !child.textContent.trim());
  if (onlyMarkers) node.className = "cites";
  return [node, end];
}

function heading(lines, at, cite) {
  const words = lines[at].trim().replace(/^#+ +/, "").replace(/ +#+$/, "");
  return [element("p.heading", element("strong", ...inline(words, cite))), at + 1];
}

function quotation(lines, at, cite, depth) {
  const end = runEnd(lines, at, (line) => /^ {0,3}>/.test(line));
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return [element("blockquote", ...blocks(inner, cite, depth + 1)), end];
}

function codeBlock(lines, at) {
  const [, indent, fence, language] = FENCE.exec(lines[at]);
  const closes = (line) => line.trim().length >= fence.length && line.trim().replaceAll(fence[0], "") === "";
  const end = runEnd(lines, at, (line) => !closes(line));
  const code = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))));
  const head = element("div.code-head",
    element("span.language", language || text("code")),
    element("button", { type: "button", class: "copy", "aria-label": text("copyCode") }, text("copy")),
  );
  const label = language ? `${text("code")}, ${language}` : text("code");
  const body = element("code", { "data-language": language.toLowerCase() }, code.join("\n"));
  const pre = element("pre", { tabindex: "0", role: "group", "aria-label": label }, body);
  return [element("div.code", { dir: "ltr" }, head, pre), end + 1];
}

function list(lines, at, cite, depth) {
  const [, indent, first] = ITEM.exec(lines[at]);
  const number = parseInt(first, 10);
  const ordered = !isNaN(number);
  const node = element(ordered ? "ol" : "ul", { start: ordered && number !== 1 ? number : null });
  const inside = (line) => line.search(/\S|$/) >= indent.length + 2;
  for (let next = at; next < lines.length; ) {
    const match = ITEM.exec(lines[next]);
    if (!match || /\d/.test(match[2]) !== ordered || inside(lines[next])) break;
    const content = [match[3] ?? ""];
    const offset = match[1].length + match[2].length + 1;
    let blank = false;
    for (next += 1; next < lines.length; next += 1) {
      const line = lines[next];
      const empty = !line.trim();
      if (!empty && !inside(line) && (blank || !continuesParagraph(line))) break;
      content.push(line.slice(Math.min(offset, line.search(/\S|$/))));
      blank = empty;
    }
    node.append(element("li", ...blocks(content, cite, depth + 1)));
    at = next;
  }
  return [node, at];
}

function table(lines, at, cite) {
  const end = runEnd(lines, at, (line) => /^ *\|/.test(line));
  const rows = lines.slice(at, end).map((line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/));
  const isRule = (row) => row !== undefined && row.every((cell) => /^ *:?-+:? *$/.test(cell));
  const hasHead = isRule(rows[1]);
  const node = element("table");
  for (const [index, row] of rows.entries()) {
    if (isRule(row)) continue;
    const head = hasHead && index === 0;
    const cells = row.map((cell) =>
      element(head ? "th" : "td", { scope: head ? "col" : null }, ...inline(cell.trim(), cite)),
    );
    node.append(element("tr", ...cells));
  }
  return [element("div.table", { tabindex: "0", role: "group", "aria-label": text("table") }, node), end];
}
