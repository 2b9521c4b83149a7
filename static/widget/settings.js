/** What the script tag says, and where its service is. Read while the script runs: later it is no longer known. */

const script = document.currentScript;

export const { site: siteKey = "", lang = "", theme = "auto", position = "", open: openOnLoad } = script.dataset;

/** The absolute address of a path of the service, beside which the script lies. */
export function serviceUrl(path) {
  return new URL(path, script.src).href;
}
