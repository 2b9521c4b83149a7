/** Markdown within a line: built as nodes and never as HTML, so that no answer can bring markup of its own. */

import { element } from "./dom.js";
import { link, safeUrl } from "./links.js";

const DEPTH = 8; // nesting beyond this is shown as plain text

function strong(match, cite, depth) {
  return [element("strong", ...inline(match[1], cite, depth))];
}

function emphasis(match, cite, depth) {
  return [element("em", ...inline(match[1], cite, depth))];
}

function namedLink(match, cite, depth) {
  const href = safeUrl(match[2]);
  const label = inline(match[1], cite, depth);
  return href ? [link(href, {}, ...label)] : label;
}

function bareLink(match) {
  const href = safeUrl(match[1]);
  return href ? [link(href, {}, match[1])] : [match[1]];
}

// Sticky patterns, each with what it makes of its match; the first that fits wins. Pictures are shown as their words.
const INLINE = [
  [/\\([!-/:-@[-`{-~])/y, (match) => [match[1]]],
  [/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (match) => [element("code", { dir: "ltr" }, match[2].replace(/^ (.+) $/, "$1"))]],
  [/!\[((?:[^[\]]|\[[^[\]]*\])*)\]\([^)]*\)/y, (match) => [match[1]]],
  [/\[((?:[^[\]]|\[[^[\]]*\])+)\]\(\s*<?((?:[^\s()<>]|\([^\s()<>]*\))*)>?(?:\s+"[^"]*")?\s*\)/y, namedLink],
  [/\[(\d{1,3})\]/y, (match, cite) => [cite(Number(match[1])) ?? match[0]]],
  [/<?((?<!\w)https?:\/\/[^\s<>"'`[\]]*[^\s<>"'`[\].,;:!?)*_])>?/y, bareLink],
  [/\*\*(?=\S)([\s\S]*?\S)\*\*(?!\*)/y, strong],
  [/(?<!\w)__(?=\S)([\s\S]*?\S)__(?!\w)/y, strong],
  [/\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/y, emphasis],
  [/(?<!\w)_(?=[^\s_])([\s\S]*?[^\s_])_(?!\w)/y, emphasis],
];

/** Nodes and strings of a line of markdown. cite: marker number -> node, or null where there is no such citation. */
export function inline(text, cite, depth = 0) {
  if (depth > DEPTH) return [text];
  const nodes = [];
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const found = /[\\`![<h*_]/.test(text[at]) ? inlineAt(text, at) : null;
    if (!found) {
      plain += text[at];
      at += 1;
      continue;
    }
    const made = found.make(found.match, cite, depth + 1);
    if (made[0]?.className === "cite") plain = plain.trimEnd(); // a marker clings to its sentence
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(...made);
    at += found.match[0].length;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function inlineAt(text, at) {
  for (const [pattern, make] of INLINE) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { match, make };
  }
  return null;
}
