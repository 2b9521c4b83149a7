/** The events of one answer, over as many connections as it takes. */

import { Cut, Problem, call } from "./api.js";
import { serverSentEvents } from "./events.js";

const PAUSES = [500, 1000, 2000, 4000]; // milliseconds before each further try; what arrives starts the count anew
const LAST = ["answer.completed", "answer.failed"];

export function newMessageId() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

function request({ question, conversationId, messageId, answerId, lastEvent }, signal) {
  const headers = { Accept: "text/event-stream" };
  if (answerId) {
    if (lastEvent) headers["Last-Event-ID"] = lastEvent;
    return call(`answers/${answerId}/events`, { headers, signal });
  }
  const body = { question, conversation_id: conversationId, message_id: messageId };
  return call("messages", { method: "POST", headers, body, signal });
}

/** Resolves after the pause, or as soon as there is a network again. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
  });
}

function noted(message, { id, name, data }) {
  if (id) message.lastEvent = id;
  const event = { name, ...JSON.parse(data) };
  if (name === "answer.started") message.answerId = event.id;
  return event;
}

/** What to do about an error: null to send the request anew at once, or the error where nothing helps. */
function unsolved(message, error) {
  if (error.kind === "repeated-message" && error.answerId && !message.answerId) {
    message.answerId = error.answerId;
    return null;
  }
  if (error.status === 404 && message.conversationId && !message.answerId) {
    message.conversationId = null; // the service has forgotten the conversation: the question begins a new one
    return null;
  }
  return error;
}

/**
 * The events of an answer, in arrays as they arrive, up to the last one. `message` {question, conversationId, messageId,
 * answerId, lastEvent} says where to start and keeps where it is, so that a later call goes on from there.
 * cut: called when the connection has broken and another try is due. Throws Problem, and Cut when no try helped.
 */
export async function* answerEvents(message, signal, cut) {
  for (let tries = 0; ; ) {
    try {
      const response = await request(message, signal);
      const pieces = serverSentEvents(response.body);
      for (;;) {
        const { done, value } = await pieces.next().catch(() => Promise.reject(new Cut()));
        if (done) throw new Cut(); // it ended without its last event
        tries = 0;
        const events = value.map((event) => noted(message, event));
        yield events;
        if (events.some(({ name }) => LAST.includes(name))) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Cut || error instanceof Problem)) throw error;
      const left = unsolved(message, error);
      if (left && (!(left instanceof Cut) || tries >= PAUSES.length || !navigator.onLine)) throw left;
      if (!left) continue;
      cut();
      await pause(PAUSES[tries++]);
      if (signal.aborted) return;
    }
  }
}
