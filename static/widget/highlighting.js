/** Colours for code. The highlighter is larger than the widget: it is fetched when there is code to show. */

import { element } from "./dom.js";
import { serviceUrl } from "./settings.js";

let highlight = null; // (language, code) -> [[class or "", text], ...], null for an unknown language
let loading = null;

/** Colour the code blocks among the nodes below `root` if the highlighter is there; else fetch it, then call `ready`. */
export function highlightCode(root, ready) {
  const codes = [...root.querySelectorAll("pre code")].filter((code) => code.dataset.language);
  if (!codes.length) return;
  if (highlight) codes.forEach(colour);
  else (loading ??= load()).then(() => highlight && ready());
}

function colour(code) {
  const tokens = highlight(code.dataset.language, code.textContent);
  if (tokens?.map(([, words]) => words).join("") !== code.textContent) return; // colours must not change what is copied
  code.replaceChildren(...tokens.map(([name, words]) => (name ? element("span", { class: name }, words) : words)));
}

/** A script of our own origin hands its function over on its own tag: no global, and no CORS. */
function load() {
  return new Promise((resolve) => {
    const script = element("script");
    script.addEventListener("load", () => {
      highlight = script.highlight ?? null;
      script.remove();
      resolve();
    });
    script.addEventListener("error", () => {
      script.remove();
      loading = null;
      resolve();
    });
    try {
      script.src = serviceUrl("widget/highlight.js");
      document.head.append(script);
    } catch {
      resolve(); // the page admits only scripts of its own making: code stays plain
    }
  });
}
