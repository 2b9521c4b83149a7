/**
 * What outlives the page, for each site: `session` (token), `conversation` (id), `open`. Kept in memory where storage is
 * denied.
 */

import { siteKey } from "./settings.js";

const KEY = `docent:${siteKey}`;
let kept = {};

export function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? kept;
  } catch {
    return kept;
  }
}

export function store(changes) {
  kept = { ...stored(), ...changes };
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // denied or full: it holds until the page goes
  }
}
