/** All words of the widget. Other languages than English lie in static/strings and are fetched when they are wanted. */

import { lang, serviceUrl } from "./settings.js";

const ENGLISH = {
  title: "Documentation assistant",
  launch: "Ask the documentation",
  newAnswer: "Ask the documentation: a new answer is there",
  greeting: "What would you like to know?",
  introduction: "Every answer shows the passages of the documentation that it stands on.",
  starters: "To start with",
  conversation: "Conversation",
  question: "Your question",
  placeholder: "Ask a question",
  advice: "Answers come from the documentation; check the sources.",
  send: "Send",
  stop: "Stop",
  close: "Close",
  widen: "Wide view",
  narrow: "Normal view",
  restart: "New conversation",
  looking: "Looking in the documentation",
  writing: "Writing",
  reconnecting: "The connection broke. Trying again",
  sources: "Sources",
  source: "Source {n}: {place}",
  passage: "Quoted passage",
  code: "Code",
  copy: "Copy",
  copyCode: "Copy the code",
  copied: "Copied",
  notCopied: "Not copied",
  table: "Table",
  answered: "From the documentation",
  quoted: "Quoted from the documentation",
  unsure: "Not sure about this one: please check the sources",
  unanswered: "Not answered from the documentation",
  stopped: "Stopped: the answer is not complete",
  retry: "Retry",
  retryIn: "Retry in {n} s",
  failed: "There is no answer",
  failedDetail: "Something went wrong. Try again in a moment.",
  offline: "You are offline",
  offlineDetail: "This goes on by itself when you are connected again.",
  unreachable: "The service cannot be reached",
  limited: "Too many questions at once",
  limitedFor: "You can ask again after {n} s.",
  notLoaded: "The earlier messages could not be loaded",
  rate: "Was this answer helpful?",
  up: "Helpful",
  down: "Not helpful",
  comment: "Would you like to say more? (optional)",
  thanks: "Thank you for telling us",
  person: "Talk to a person",
  personOffer: "The documentation does not settle this. A person can look into it.",
  personDetail: "Your message goes to the team, together with this conversation.",
  contact: "How can we reach you? (e-mail)",
  message: "What should we know?",
  cancel: "Cancel",
  passedOn: "Your request has been passed on to the team",
};

const LAZY = ["ar", "de", "es", "fr"]; // the files of static/strings
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];

let words = ENGLISH;

/** The language the widget speaks, and its direction. */
export const language = { tag: "en", direction: "ltr" };

/** The text for `key`, with {names} filled in. */
export function text(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}

/** Speak the language of the script tag, or else of the page. overrides: the site's own words by language. */
export async function chooseLanguage(overrides) {
  const page = document.documentElement;
  const tag = lang || page.lang || "en";
  const primary = tag.toLowerCase().split("-")[0];
  const given = (name) => overrides?.[name] ?? {};
  const fetched = LAZY.includes(primary) ? await fetchWords(primary) : {};
  words = { ...ENGLISH, ...fetched, ...given(primary), ...given(tag) };
  const spoken = primary === "en" || Object.keys({ ...fetched, ...given(primary), ...given(tag) }).length;
  const backwards = RIGHT_TO_LEFT.includes(primary) || (!lang && getComputedStyle(page).direction === "rtl");
  Object.assign(language, { tag: spoken ? tag : "en", direction: backwards ? "rtl" : "ltr" });
}

/** The words of a language; none where they cannot be had: English is better than no widget. */
async function fetchWords(primary) {
  try {
    const response = await fetch(serviceUrl(`widget/strings/${primary}.json`));
    return response.ok ? await response.json() : {};
  } catch {
    return {};
  }
}
