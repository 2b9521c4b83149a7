/** The widget on the page: the launcher and the panel, in a shadow root of their own. */

import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { copyCode } from "./copying.js";
import { button, element, iconButton } from "./dom.js";
import { personForm } from "./person.js";
import { openOnLoad, position, theme } from "./settings.js";
import { Card } from "./sources.js";
import { store, stored } from "./store.js";
import { language, text } from "./strings.js";
import css from "./widget.css";

const SPEECH = "M2.5 3h11v8h-6L4.5 13.5V11h-2z";
const PLUS = "M8 3v10M3 8h10";
const CORNERS = "M9.5 3H13v3.5M13 3 9 7M6.5 13H3V9.5M3 13l4-4";
const CROSS = "M4 4l8 8M12 4l-8 8";
const WHOLE_SCREEN = "(max-width: 480px), (max-height: 420px)"; // as in widget.css
const FOCUSABLE = "button, a[href], textarea, input, summary, [tabindex='0']";

/** The site's colours as a sheet; values that are no colours are left out. */
function colourSheet(colours) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".root{}");
  for (const [name, colour] of Object.entries(colours ?? {}))
    if (CSS.supports("color", colour)) sheet.cssRules[0].style.setProperty(`--site-${name.replaceAll("_", "-")}`, colour);
  return sheet;
}

function styles(colours) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return [sheet, colourSheet(colours)];
}

export class Panel {
  constructor(site) {
    this.site = site;
    this.title = site.title || text("title");
    this.before = null; // what had the focus when the panel was opened
    this.announcement = element("div.unseen", { "aria-live": "polite" });
    this.card = new Card();
    this.thread = element("div.thread");
    const person = site.person ? () => this.showPerson() : null;
    this.chat = new Chat(this.thread, {
      person,
      announce: (words) => (this.announcement.textContent = words),
      changed: () => this.update(),
      finished: () => this.finished(),
      retried: () => this.composer.focus(),
    });
    this.composer = new Composer((question) => this.chat.ask(question), () => this.stop());
    this.build(person);
    this.listen();
    this.update();
    if (stored().open ?? (openOnLoad !== undefined && !this.whole.matches)) this.open({ focus: false });
  }

  build(person) {
    this.launcher = iconButton("launcher", () => this.open(), text("launch"), SPEECH, { "aria-haspopup": "dialog" });
    this.restartButton = iconButton("tool", () => this.restart(), text("restart"), PLUS);
    this.wide = iconButton("tool.wide", () => this.widen(!this.panel.hasAttribute("data-wide")), text("widen"), CORNERS);
    const close = iconButton("tool", () => this.close(), text("close"), CROSS);
    const title = element("h2.title", { id: "title", dir: "auto" }, this.title);
    const bar = element("div.bar", title, this.restartButton, this.wide, close);
    this.welcome = this.greeting();
    this.person = button("plain", person, text("person"));
    const foot = element("p.foot", element("span", text("advice")), this.person);
    const talk = { tabindex: "0", role: "group", "aria-label": text("conversation") };
    this.scroller = element("div.talk", talk, this.welcome, this.thread);
    this.bottom = element("div.bottom", this.composer.node, foot);
    this.aside = element("div.aside", { hidden: "" });
    const parts = [bar, this.scroller, this.bottom, this.aside];
    this.panel = element("div.panel", { role: "dialog", "aria-labelledby": "title", tabindex: "-1", hidden: "" }, ...parts);
    const name = { role: "region", "aria-label": this.title, lang: language.tag, dir: language.direction };
    const look = { "data-theme": theme, "data-position": position || this.site.position };
    this.root = element("div.root", { ...name, ...look }, this.panel, this.launcher, this.card.node, this.announcement);
    const host = document.createElement("docent-widget");
    this.shadow = host.attachShadow({ mode: "open" });
    this.shadow.adoptedStyleSheets = styles(this.site.colours);
    this.shadow.append(this.root);
    document.body.append(host);
  }

  greeting() {
    const { greeting, starters } = this.site;
    const items = starters.map((question) => element("li", button("starter", () => this.ask(question), { dir: "auto" }, question)));
    const list = element("section.starters", element("h4.label", text("starters")), element("ul", ...items));
    return element("div.welcome",
      element("h3", { dir: "auto" }, greeting || text("greeting")),
      element("p", text("introduction")),
      ...(items.length ? [list] : []),
    );
  }

  listen() {
    this.whole = matchMedia(WHOLE_SCREEN);
    this.whole.addEventListener("change", () => this.update());
    this.root.addEventListener("keydown", (event) => this.pressed(event));
    for (const type of ["keydown", "keypress", "keyup"]) // what is typed here is no shortcut of the page
      this.root.addEventListener(type, (event) => event.stopPropagation());
    const { thread, card } = this;
    const at = (event) => event.target.closest?.(".cite a");
    thread.addEventListener("pointerover", (event) => at(event) && event.pointerType !== "touch" && this.showCard(at(event)));
    thread.addEventListener("pointerout", (event) => at(event) && card.hideSoon());
    thread.addEventListener("focusin", (event) => at(event)?.matches(":focus-visible") && this.showCard(at(event)));
    thread.addEventListener("focusout", () => card.hide());
    this.scroller.addEventListener("scroll", () => card.follow(), { passive: true });
    thread.addEventListener("click", (event) => this.clicked(event, event.target.closest(".copy, [href^='#']")));
    const fit = ({ height, scale }) => scale === 1 && this.root.style.setProperty("--screen", `${height}px`);
    if (window.visualViewport) visualViewport.addEventListener("resize", () => fit(visualViewport)); // a screen keyboard
  }

  /** Show what is so. */
  update() {
    const { chat, root } = this;
    const empty = chat.empty;
    this.composer.setRunning(chat.running !== null);
    this.welcome.hidden = !empty;
    this.thread.hidden = empty;
    this.restartButton.hidden = empty;
    this.person.hidden = !this.site.person || !chat.conversationId;
    root.toggleAttribute("data-open", !this.panel.hidden);
    this.panel.setAttribute("aria-modal", String(this.whole.matches));
  }

  open({ focus = true } = {}) {
    if (this.panel.hidden) {
      this.before = this.shadow.activeElement ? null : document.activeElement;
      this.panel.hidden = false;
      this.nameLauncher("launch");
      store({ open: true });
      this.update();
      this.chat.load();
    }
    if (focus) this.focus();
  }

  close() {
    if (this.panel.hidden) return;
    const inside = this.panel.contains(this.shadow.activeElement);
    this.card.hide();
    this.panel.hidden = true;
    store({ open: false });
    this.update();
    if (!inside) return;
    const back = this.before?.isConnected && this.before !== document.body ? this.before : this.launcher;
    back.focus({ preventScroll: true });
  }

  focus() {
    if (matchMedia("(pointer: coarse)").matches) this.panel.focus({ preventScroll: true });
    else this.composer.focus();
  }

  ask(question) {
    this.hidePerson();
    this.open();
    if (this.chat.running) this.composer.write(question); // one answer at a time
    else this.chat.ask(question);
    this.composer.focus();
  }

  stop() {
    this.chat.stop();
    this.composer.focus();
  }

  restart() {
    this.hidePerson();
    this.chat.restart();
    this.composer.focus();
  }

  widen(wide) {
    this.panel.toggleAttribute("data-wide", wide);
    this.wide.ariaLabel = this.wide.title = text(wide ? "narrow" : "widen");
  }

  finished() {
    if (this.panel.hidden) this.nameLauncher("newAnswer");
  }

  nameLauncher(key) {
    this.launcher.toggleAttribute("data-new", key === "newAnswer");
    this.launcher.ariaLabel = this.launcher.title = text(key);
  }

  showPerson() {
    const form = personForm(this.chat.conversationId, (sent) => {
      this.hidePerson();
      if (sent) this.chat.noteEscalation();
      if (sent) this.announcement.textContent = text("passedOn");
      this.composer.focus();
    });
    this.aside.replaceChildren(form);
    this.setAside(true);
    form.querySelector("input").focus();
  }

  hidePerson() {
    this.aside.replaceChildren();
    this.setAside(false);
  }

  setAside(shown) {
    this.aside.hidden = !shown;
    this.scroller.hidden = this.bottom.hidden = shown;
  }

  showCard(marker) {
    const { citations } = this.turnOf(marker);
    this.card.show(marker, citations.get(Number(marker.dataset.marker)), this.panel);
  }

  turnOf(node) {
    return this.chat.turns.find((turn) => turn.node.contains(node));
  }

  clicked(event, target) {
    if (target?.matches(".copy")) copyCode(target, this.announcement);
    else if (target) {
      event.preventDefault(); // the page has no such place
      const details = this.shadow.getElementById(target.hash.slice(1));
      details.open = true;
      details.firstChild.focus();
    }
  }

  pressed(event) {
    if (event.key === "Escape" && !event.isComposing) {
      if (this.card.shown) this.card.hide();
      else if (!this.aside.hidden) {
        this.hidePerson();
        this.composer.focus();
      } else this.close();
    }
    if (event.key === "Tab" && this.whole.matches && !this.panel.hidden) this.keepInside(event);
  }

  /** A panel that covers the page keeps the focus: nothing else is to be seen. */
  keepInside(event) {
    const nodes = [...this.panel.querySelectorAll(FOCUSABLE)].filter((node) => node.getClientRects().length);
    const [from, to] = event.shiftKey ? [nodes[0], nodes.at(-1)] : [nodes.at(-1), nodes[0]];
    const { activeElement } = this.shadow;
    if (activeElement !== from && !(event.shiftKey && activeElement === this.panel)) return;
    event.preventDefault();
    to.focus();
  }
}
