/** The first page: asks a question and shows the streamed answer with the passages that it stands on. */

const ENDPOINT = "api/v1/chat/messages";
const DEPTH = 8; // nesting of markdown beyond this is shown as plain text

/** An element with attributes; strings among the children become text, never markup. */
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/* ---- Server-sent events ---- */

/** The events of a response body, as an array for each piece that arrives. Lines may end in CRLF, LF or CR. */
async function* serverSentEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let afterReturn = false; // a piece that ended in CR: an LF at the start of the next one belongs to it
  let name = "";
  let data = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    let text = decoder.decode(value, { stream: true });
    if (!text) continue;
    if (afterReturn && text.startsWith("\n")) text = text.slice(1);
    afterReturn = text.endsWith("\r");
    const lines = (rest + text).split(/\r\n|\r|\n/);
    rest = lines.pop();
    const events = [];
    for (const line of lines) {
      const [, field, content] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "event") name = content;
      if (field === "data") data.push(content);
      if (line !== "") continue;
      if (data.length) events.push({ name: name || "message", data: data.join("\n") });
      [name, data] = ["", []];
    }
    yield events;
  }
}

/* ---- Markdown: a subset, built as nodes ---- */

/** `url` made absolute when its scheme is http or https, else null. */
function webUrl(url, base) {
  let parsed;
  try {
    parsed = new URL(url, base);
  } catch {
    return null;
  }
  return ["http:", "https:"].includes(parsed.protocol) ? parsed.href : null;
}

function link(href, ...children) {
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
      const href = webUrl(match[2], document.baseURI);
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
function blocks(lines, cite, depth = 0) {
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
function grow(shown, fresh) {
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

/* ---- A turn: one question and its answer ---- */

/** Why there is no answer, in words for the reader. wait: seconds until asking again makes sense. */
class Problem extends Error {
  constructor(title, detail, { wait = 0, status = 0 } = {}) {
    super(title);
    Object.assign(this, { title, detail, wait, status });
  }
}

function place(citation) {
  return [citation.title, ...citation.heading_path.filter((part) => part !== citation.title)].filter(Boolean).join(" › ");
}

function outcomeOf(answer) {
  if (answer.decision === "escalate") return ["caution", "Not answered from the documentation"];
  if (answer.decision === "draft") return ["caution", "Not sure about this one: please check the sources"];
  return ["plain", answer.kind === "extractive" ? "Quoted from the documentation" : "From the documentation"];
}

class Turn {
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

/* ---- Asking ---- */

function unreachable() {
  return navigator.onLine
    ? new Problem("The service cannot be reached", "The connection failed or broke off. Try again in a moment.")
    : new Problem("You are offline", "Ask again when you are connected.");
}

function waitOf(response) {
  const after = response.headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(after) ? Number(after) : Math.ceil((Date.parse(after) - Date.now()) / 1000);
  return Math.max(seconds || 0, 0);
}

async function refusal(response) {
  const { title, detail } = await response.json().catch(() => ({}));
  const wait = waitOf(response);
  const options = { wait, status: response.status };
  if (response.status === 429) {
    const when = wait ? `after ${wait} second${wait === 1 ? "" : "s"}` : "in a moment";
    return new Problem("Too many questions at once", `You can ask again ${when}.`, options);
  }
  return problemOf({ title, detail }, options);
}

function problemOf({ title, detail }, options) {
  const words = (value, otherwise) => (typeof value === "string" && value ? value : otherwise);
  return new Problem(words(title, "There is no answer"), words(detail, "Something went wrong. Try again in a moment."), options);
}

/** The events of the answer to `question`, in arrays as they arrive. Throws a Problem. */
async function* ask(question, conversationId, signal) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ question, conversation_id: conversationId }),
    signal,
  };
  const response = await fetch(ENDPOINT, request).catch(() => Promise.reject(unreachable()));
  if (!response.ok || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw await refusal(response);
  const pieces = serverSentEvents(response.body);
  for (;;) {
    const { done, value } = await pieces.next().catch(() => Promise.reject(unreachable()));
    if (done) throw unreachable(); // it ended without its last event
    yield value;
  }
}

const find = (id) => document.getElementById(id);
const [conversation, form, field, send, card] = ["conversation", "composer", "question", "send", "card"].map(find);
const turns = new Map();
let conversationId = null;
let running = null; // the AbortController of the answer that is streaming

function apply(turn, { name, data }) {
  const event = JSON.parse(data);
  if (name === "answer.started") conversationId = event.conversation_id;
  if (name === "answer.delta") turn.add(event.text);
  if (name === "answer.citation") turn.cite(event.citation);
  if (name === "answer.failed") throw problemOf(event.problem);
  if (name !== "answer.completed") return false;
  turn.complete(event.answer);
  announce(turn.spoken());
  return true;
}

async function follow(turn, signal) {
  for await (const events of ask(turn.question, conversationId, signal)) {
    if (signal.aborted || events.some((event) => apply(turn, event))) return;
    turn.render();
  }
}

async function run(turn) {
  const controller = new AbortController();
  setRunning(controller);
  try {
    await follow(turn, controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) fail(turn, error);
  } finally {
    if (running === controller) setRunning(null);
    controller.abort(); // nothing after the last event is of interest
  }
}

function fail(turn, error) {
  const known = error instanceof Problem;
  if (error.status === 404) conversationId = null; // the service has forgotten it: the next question begins a new one
  turn.fail(known ? error : new Problem("The answer could not be read", "Something went wrong. Try again in a moment."));
  if (!known) throw error;
}

function setRunning(controller) {
  running = controller;
  form.toggleAttribute("data-streaming", running !== null);
  send.setAttribute("aria-label", running ? "Stop" : "Send");
}

function announce(text) {
  find("announcement").textContent = text;
}

function begin(question) {
  conversation.querySelectorAll(".retry").forEach((button) => button.remove());
  announce("");
  const turn = new Turn(`turn-${turns.size + 1}`, question);
  turns.set(turn.id, turn);
  conversation.append(turn.node);
  setEmpty(false);
  turn.node.scrollIntoView({ block: "start" });
  run(turn);
}

function stop() {
  const turn = [...turns.values()].at(-1);
  running.abort();
  setRunning(null);
  turn.stop();
  announce("Stopped");
}

function clear() {
  running?.abort();
  setRunning(null);
  turns.clear();
  conversationId = null;
  conversation.replaceChildren();
  announce("");
  hideCard();
  setEmpty(true);
  focusForm();
}

function setEmpty(empty) {
  document.body.toggleAttribute("data-empty", empty);
  for (const id of ["welcome", "suggestions"]) find(id)?.toggleAttribute("hidden", !empty);
  find("new-conversation").hidden = empty;
}

/** Focus back to the form: to its button where a focused field would bring up a screen keyboard over the answer. */
function focusForm() {
  (matchMedia("(pointer: coarse)").matches ? send : field).focus({ preventScroll: true });
}

function fitField() {
  field.style.blockSize = "auto";
  field.style.blockSize = `${field.scrollHeight}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = field.value.trim();
  if (running) return;
  if (!question) return field.focus();
  field.value = "";
  fitField();
  begin(question);
});

send.addEventListener("click", (event) => {
  if (!running) return;
  event.preventDefault();
  stop();
});

field.addEventListener("input", fitField);

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!running) form.requestSubmit();
});

find("new-conversation").addEventListener("click", clear);

find("suggestions")?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  begin(button.textContent);
  focusForm();
});

conversation.addEventListener("click", (event) => {
  const target = event.target.closest(".copy, .retry, .cite a");
  if (target?.matches(".copy")) copy(target);
  if (target?.matches(".retry")) retry(target);
  if (target?.matches(".cite a")) openSource(event, target);
});

function retry(button) {
  const turn = turns.get(button.closest(".turn").id);
  turn.reset();
  announce("");
  run(turn);
  focusForm();
}

async function copy(button) {
  const code = button.closest(".code").querySelector("code");
  let copied = true;
  if (navigator.clipboard) await navigator.clipboard.writeText(code.textContent).catch(() => (copied = false));
  else copied = copySelected(code);
  button.textContent = copied ? "Copied" : "Not copied";
  announce(button.textContent);
  setTimeout(() => (button.textContent = "Copy"), 1600);
}

/** Where the page is not served over https there is no clipboard API: the selection is copied, and stays. */
function copySelected(node) {
  getSelection().selectAllChildren(node);
  return document.execCommand("copy");
}

/* ---- The card of a citation ---- */

let hiding = 0;

function showCard(anchor) {
  clearTimeout(hiding);
  const citation = turns.get(anchor.closest(".turn").id).citations.get(Number(anchor.textContent));
  card.replaceChildren(
    element("p", { class: "place", dir: "auto" }, place(citation)),
    element("p", { class: "quote", dir: "auto" }, citation.quote),
  );
  card.hidden = false;
  const { left, top, bottom, width } = anchor.getBoundingClientRect();
  const room = document.documentElement.clientWidth - card.offsetWidth - 8;
  const above = top - card.offsetHeight - 6;
  card.style.left = `${Math.max(8, Math.min(left + width / 2 - card.offsetWidth / 2, room)) + scrollX}px`;
  card.style.top = `${(above > 64 ? above : bottom + 6) + scrollY}px`; // 64: below the bar
}

function hideCard() {
  clearTimeout(hiding);
  card.hidden = true;
}

function openSource(event, anchor) {
  event.preventDefault();
  hideCard();
  const details = find(anchor.hash.slice(1));
  details.open = true;
  details.firstChild.focus({ preventScroll: true });
  details.closest(".source").scrollIntoView({ block: "nearest" });
}

const overMarker = (event) => event.target.closest?.(".cite a");

document.addEventListener("pointerover", (event) => {
  const anchor = overMarker(event);
  if (anchor && event.pointerType !== "touch") showCard(anchor);
  else if (card.contains(event.target)) clearTimeout(hiding);
});

document.addEventListener("pointerout", (event) => {
  if (overMarker(event) || card.contains(event.target)) hiding = setTimeout(hideCard, 200); // time to reach the card
});

conversation.addEventListener("focusin", (event) => {
  const anchor = overMarker(event);
  if (anchor?.matches(":focus-visible")) showCard(anchor);
});

conversation.addEventListener("focusout", hideCard);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideCard();
});
