/** Keeps the page of an open job up to date in place. Without scripts the page loads itself anew every few seconds. */

const SECONDS = 2;
const said = document.querySelector("[data-live-said]");

function say(text) {
  if (said.textContent !== text) said.textContent = text; // screen readers hear what changes, and that alone
}

async function look() {
  const shown = document.querySelector("[data-live]");
  let fresh = null;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected || response.status === 404) return location.reload(); // signed out, or the job is forgotten
    if (response.ok) fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-live]");
  } catch {
    say("The service does not answer. Trying again.");
  }
  if (fresh) {
    replace(shown, document.adoptNode(fresh));
    say(fresh.dataset.liveText);
    if (fresh.dataset.live !== "open") return undefined;
  }
  return setTimeout(look, SECONDS * 1000);
}

/** Who stands on a button that stays, stays there; who stands on one that goes is led to the text. */
function replace(shown, fresh) {
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && [...shown.querySelectorAll("button, a, summary")].indexOf(focused);
  shown.replaceWith(fresh);
  if (!focused) return;
  const same = [...fresh.querySelectorAll("button, a, summary")][place];
  if (same?.textContent === focused.textContent) same.focus();
  else document.querySelector("main").focus({ preventScroll: true });
}

setTimeout(look, SECONDS * 1000);
