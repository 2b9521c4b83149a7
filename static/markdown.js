/** Markdown: a subset, built as nodes and never as HTML, so that no answer can bring markup of its own. */

const DEPTH = 8; // nesting of markdown beyond this is shown as plain text

/** An element with attributes; strings among the children become text, never markup. */
export function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** `url` made absolute when its scheme is http or https, else null. */
export function webUrl(url, base) {
  let parsed;
  try {
    parsed = new URL(url, base);
  } catch {
    return null;
  }
  return ["http:", "https:"].includes(parsed.protocol) ? parsed.href : null;
}

export function link(href, ...children) {
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

// Sticky patterns, each with what it makes of its match; the first that fits wins.
const INLINE = [
  [/\\([!-/:-@[-`{-~])/y, (match) => [match[1]]],
  [/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (match) => [element("code", { dir: "ltr" }, match[2].replace(/^ (.+) $/, "$1"))]],
  [/!\[((?:[^[\]]|\[[^[\]]*\])*)\]\([^)]*\)/y, (match) => [match[1]]],
  [
    /\[((?:[^[\]]|\[[^[\]]*\])+)\]\(\s*<?((?:[^\s()<>]|\([^\s()<>]*\))*)>?(?:\s+"[^"]*")?\s*\)/y,
    (match, cite, depth) => {
      const href = webUrl(match[2]); // a relative one leads within the docs, whose address is not known here
      const label = inline(match[1], cite, depth);
      return href ? [link(href, ...label)] : label;
    },
  ],
  [/\[(\d{1,3})\]/y, (match, cite) => [cite(Number(match[1])) ?? match[0]]],
  [/<?((?<!\w)https?:\/\/[^\s<>"'`[\]]*[^\s<>"'`[\].,;:!?)*_])>?/y, (match) => [link(webUrl(match[1]) ?? "#", match[1])]],
  [/\*\*(?=\S)([\s\S]*?\S)\*\*(?!\*)/y, (match, cite, depth) => [element("strong", {}, ...inline(match[1], cite, depth))]],
  [/(?<!\w)__(?=\S)([\s\S]*?\S)__(?!\w)/y, (match, cite, depth) => [element("strong", {}, ...inline(match[1], cite, depth))]],
  [/\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/y, (match, cite, depth) => [element("em", {}, ...inline(match[1], cite, depth))]],
  [/(?<!\w)_(?=[^\s_])([\s\S]*?[^\s_])_(?!\w)/y, (match, cite, depth) => [element("em", {}, ...inline(match[1], cite, depth))]],
];

/** Nodes and strings of a line of markdown. cite: marker number -> node, or null where there is no such citation. */
function inline(text, cite, depth = 0) {
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

const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?: +(.*))?$/;
const FENCE = /^( *)(`{3,}|~{3,}) *([^\s`]*)[^`]*$/;

// What a line starts, and the function that reads it: (lines, at, cite, depth) -> [node, index of the next line].
const BLOCKS = [
  [FENCE, codeBlock],
  [/^ {0,3}#{1,6} +\S/, heading],
  [/^ {0,3}([-*_])( *\1){2,} *$/, (lines, at) => [element("hr", {}), at + 1]],
  [ITEM, list],
  [/^ {0,3}>/, quotation],
  [/^ *\|/, table],
];

/** The nodes of markdown lines. */
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
  const node = element("p", {}, ...inline(lines.slice(at, end).join("\n").trim(), cite));
  const onlyMarkers = [...node.childNodes].every((child) => child.className === "cite" || !child.textContent.trim());
  if (onlyMarkers) node.className = "cites";
  return [node, end];
}

function heading(lines, at, cite) {
  const text = lines[at].trim().replace(/^#+ +/, "").replace(/ +#+$/, "");
  return [element("p", { class: "heading" }, element("strong", {}, ...inline(text, cite))), at + 1];
}

function quotation(lines, at, cite, depth) {
  const end = runEnd(lines, at, (line) => /^ {0,3}>/.test(line));
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return [element("blockquote", {}, ...blocks(inner, cite, depth + 1)), end];
}

function codeBlock(lines, at) {
  const [, indent, fence, language] = FENCE.exec(lines[at]);
  const closes = (line) => line.trim().length >= fence.length && line.trim().replaceAll(fence[0], "") === "";
  const end = runEnd(lines, at, (line) => !closes(line));
  const code = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))));
  const head = element(
    "div",
    { class: "code-head" },
    element("span", { class: "language" }, language || "Code"),
    element("button", { type: "button", class: "copy", "aria-label": "Copy the code" }, "Copy"),
  );
  const label = language ? `Code, ${language}` : "Code";
  const pre = element("pre", { tabindex: "0", role: "group", "aria-label": label }, element("code", {}, code.join("\n")));
  return [element("div", { class: "code", dir: "ltr" }, head, pre), end + 1];
}

function list(lines, at, cite, depth) {
  const [, indent, first] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(first);
  const node = element(ordered ? "ol" : "ul", ordered && parseInt(first, 10) !== 1 ? { start: parseInt(first, 10) } : {});
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
    node.append(element("li", {}, ...blocks(content, cite, depth + 1)));
    at = next;
  }
  return [node, at];
}

function table(lines, at, cite) {
  const end = runEnd(lines, at, (line) => /^ *\|/.test(line));
  const rows = lines.slice(at, end).map((line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/));
  const isRule = (row) => row !== undefined && row.every((cell) => /^ *:?-+:? *$/.test(cell));
  const hasHead = isRule(rows[1]);
  const node = element("table", {});
  for (const [index, row] of rows.entries()) {
    if (isRule(row)) continue;
    const head = hasHead && index === 0;
    const cells = row.map((cell) =>
      element(head ? "th" : "td", head ? { scope: "col" } : {}, ...inline(cell.trim(), cite)),
    );
    node.append(element("tr", {}, ...cells));
  }
  return [element("div", { class: "table", tabindex: "0", role: "group", "aria-label": "Table" }, node), end];
}

/** Make the children of `shown` equal to those of `fresh`, leaving alone what is equal: focus and selection stay. */
export function grow(shown, fresh) {
  const wanted = [...fresh.childNodes];
  for (const [index, node] of wanted.entries()) {
    const old = shown.childNodes[index];
    if (!old) shown.append(node);
    else if (old.isEqualNode(node)) continue;
    else if (old instanceof Text && node instanceof Text && node.data.startsWith(old.data))
      old.appendData(node.data.slice(old.data.length));
    else if (old instanceof Element && old.cloneNode().isEqualNode(node.cloneNode())) grow(old, node);
    else old.replaceWith(node);
  }
  while (shown.childNodes.length > wanted.length) shown.lastChild.remove();
}
