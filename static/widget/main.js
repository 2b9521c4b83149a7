/**
 * The widget's script. It does nothing before the page has loaded and is idle, but for `window.Docent`, whose functions
 * bring the widget at once.
 */

import { readSite } from "./api.js";
import { Panel } from "./panel.js";
import { chooseLanguage } from "./strings.js";

let panel = null; // the promise of it

async function build() {
  const site = await readSite();
  await chooseLanguage(site.strings);
  return new Panel(site);
}

/** The panel, made once; null where the service does not answer, or not for this page. */
async function ready() {
  panel ??= build();
  try {
    return await panel;
  } catch (error) {
    panel = null; // the next call tries again
    console.warn("Docent:", error.message || "the service cannot be reached");
    return null;
  }
}

function whenIdle(act) {
  const idle = window.requestIdleCallback ?? ((then) => setTimeout(then, 200));
  const wait = () => idle(act, { timeout: 3000 });
  if (document.readyState === "complete") wait();
  else addEventListener("load", wait, { once: true });
}

if (!window.Docent) {
  window.Docent = {
    open: async () => (await ready())?.open(),
    close: async () => (await ready())?.close(),
    ask: async (question) => (await ready())?.ask(question),
  };
  whenIdle(ready);
}
