/** The conversation: asks, follows the answers, and finds again what was said before the page was loaded. */

import { Cut, Problem, call } from "./api.js";
import { button, element } from "./dom.js";
import { store, stored } from "./store.js";
import { answerEvents } from "./stream.js";
import { text } from "./strings.js";
import { Turn } from "./turn.js";

export class Chat {
  /** thread: the node that turns are put into. on: announce(words), person() or null, changed(), finished(). */
  constructor(thread, on) {
    Object.assign(this, { thread, on });
    this.turns = [];
    this.running = null; // {turn, controller} of the answer that is on its way
    this.conversationId = stored().conversation ?? null;
    this.unread = this.conversationId !== null; // there is a conversation that has not been fetched yet
    this.actions = { announce: on.announce, person: on.person, retry: (turn) => this.retry(turn) };
    addEventListener("online", () => this.reconnect());
  }

  get empty() {
    return !this.thread.childElementCount;
  }

  ask(question) {
    const turn = new Turn(question, this.actions);
    this.turns.push(turn);
    this.thread.append(turn.node);
    this.run(turn);
    turn.node.scrollIntoView({ block: "start" });
  }

  retry(turn) {
    if (!(turn.error instanceof Cut)) turn.renew(); // after a cut it goes on where it was
    this.run(turn);
    this.on.retried();
  }

  reconnect() {
    const turn = this.turns.at(-1);
    if (!this.running && turn?.error instanceof Cut) this.run(turn);
  }

  async run(turn) {
    const running = { turn, controller: new AbortController() };
    this.running = running;
    turn.begin();
    this.on.announce(turn.pending.textContent);
    this.on.changed();
    try {
      await this.follow(turn, running.controller.signal);
    } catch (error) {
      if (!running.controller.signal.aborted) this.fail(turn, error);
    } finally {
      if (this.running === running) this.running = null;
      running.controller.abort(); // nothing after the last event is of interest
      this.on.changed();
    }
  }

  async follow(turn, signal) {
    if (!turn.message.answerId) turn.message.conversationId = this.conversationId;
    const cut = () => turn.say(text("reconnecting"));
    for await (const events of answerEvents(turn.message, signal, cut)) {
      if (signal.aborted) return;
      for (const event of events) this.apply(turn, event);
      turn.render();
    }
  }

  apply(turn, event) {
    if (event.name === "answer.started") this.keep(event.conversation_id);
    if (event.name === "answer.delta") turn.add(event.text);
    if (event.name === "answer.citation") turn.cite(event.citation);
    if (event.name === "answer.failed") {
      const problem = new Problem(event.problem);
      if (problem.kind !== "stopped") throw problem;
      turn.stop();
    }
    if (event.name === "answer.completed") {
      turn.complete(event.answer);
      this.on.announce(turn.spoken());
      this.on.finished();
    }
  }

  fail(turn, error) {
    const known = error instanceof Cut || error instanceof Problem;
    turn.fail(known ? error : new Problem({}));
    if (!known) console.error("Docent:", error);
  }

  keep(conversationId) {
    this.conversationId = conversationId;
    store({ conversation: conversationId });
    this.on.changed();
  }

  stop() {
    const { turn, controller } = this.running;
    this.running = null;
    controller.abort();
    const { answerId } = turn.message;
    if (answerId) call(`answers/${answerId}/stop`, { method: "POST" }).catch(() => {}); // unread, it stops by itself
    turn.stop();
    this.on.announce(text("stopped"));
    this.on.changed();
  }

  restart() {
    if (this.running) this.stop();
    this.turns = [];
    this.unread = false;
    this.thread.replaceChildren();
    this.keep(null);
    this.on.announce(text("greeting"));
  }

  /** Show what was said before, once; an answer that is still being written is followed. */
  async load() {
    if (!this.unread) return;
    this.unread = false;
    const { conversationId } = this;
    const waiting = element("p.pending");
    this.thread.prepend(waiting);
    this.on.changed();
    try {
      const response = await call(`conversations/${conversationId}`);
      const history = await response.json();
      if (this.conversationId === conversationId) this.restore(history);
    } catch (error) {
      if (error.status === 404) this.keep(null);
      else if (this.conversationId === conversationId) this.offerLoading(waiting);
    }
    waiting.remove();
    this.on.changed();
  }

  offerLoading(before) {
    const again = () => {
      box.remove();
      this.unread = true;
      this.load();
      this.on.retried();
    };
    const words = element("div", { role: "alert" }, element("strong", text("notLoaded")));
    const box = element("div.problem", words, button("quiet", again, text("retry")));
    before.before(box);
  }

  restore({ messages, escalated }) {
    const turns = [];
    for (const message of messages) {
      if (message.role === "user") {
        const turn = new Turn(message.content, this.actions);
        turn.message.answerId = message.answer_id ?? null;
        turns.push(turn);
      } else if (turns.length) said(turns.at(-1), message);
    }
    this.thread.prepend(...turns.map(({ node }) => node));
    const asked = this.turns.length > 0; // a question was quicker than the history
    this.turns.unshift(...turns);
    if (escalated) this.noteEscalation();
    for (const turn of turns.filter(({ last }) => !last.childElementCount)) {
      if (turn === turns.at(-1) && turn.message.answerId && !asked) this.run(turn);
      else turn.fail(new Problem({}));
    }
    if (!asked) this.turns.at(-1)?.node.scrollIntoView({ block: "start" });
  }

  noteEscalation() {
    const said = element("p.said.passed-on", text("passedOn"));
    this.turns.at(-1)?.node.append(said);
    said.scrollIntoView({ block: "nearest" });
  }
}

/** What the assistant said in a turn of long ago; without an answer it was stopped. */
function said(turn, { content, answer, rating }) {
  if (answer) return turn.complete(answer, rating);
  turn.text = content;
  turn.stop();
}
