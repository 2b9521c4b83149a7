/** The questions on the start page: a click asks the widget. They stay hidden where scripts are off or the widget fails. */

const starters = document.querySelector("[data-starters]");
const widget = document.querySelector("script[data-site]");
let waiting = ""; // clicked before the widget was there

starters.hidden = false;

starters.addEventListener("click", (event) => {
  const question = event.target.closest("[data-ask]")?.dataset.ask;
  if (!question) return;
  if (window.Docent) window.Docent.ask(question);
  else waiting = question;
});

widget.addEventListener("load", () => {
  if (waiting) window.Docent?.ask(waiting);
});

widget.addEventListener("error", () => {
  starters.hidden = true;
});
