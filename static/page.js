/** The first page: asks a question and shows the streamed answer with the passages that it stands on. */

import { serverSentEvents } from "./events.js";
import { element } from "./markdown.js";
import { Problem, Turn, place } from "./turn.js";

const ENDPOINT = "api/v1/chat/messages";

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
