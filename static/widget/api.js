/** The service's HTTP interface: sessions, requests, and why a request failed. */

import { serviceUrl, siteKey } from "./settings.js";
import { store, stored } from "./store.js";
import { language, text } from "./strings.js";

/** The connection failed or broke off: the same request may go better in a moment. */
export class Cut extends Error {}

/**
 * The service said no. kind: of its problem document; wait: seconds until asking again makes sense. The service speaks
 * English: who reads another language gets the widget's own words.
 */
export class Problem extends Error {
  constructor({ type, title, detail, answer_id: answerId }, { wait = 0, status = 0 } = {}) {
    const plain = status === 429 || language.tag.startsWith("en");
    super((plain && title) || text("failed"));
    const kind = String(type).split(":").at(-1);
    Object.assign(this, { kind, detail: (plain && detail) || text("failedDetail"), answerId, wait, status });
  }
}

async function refusal(response) {
  const { status } = response;
  const told = response.headers.get("Content-Type")?.includes("json");
  if (!told && status >= 502 && status <= 504) return new Cut(); // a gateway before a service that is not there right now
  const problem = (told && (await response.json().catch(() => null))) || {};
  const wait = parseInt(response.headers.get("Retry-After"), 10) || 0;
  if (status === 429) {
    problem.title = text("limited");
    problem.detail = wait ? text("limitedFor", { n: wait }) : text("failedDetail");
  }
  return new Problem(problem, { wait, status });
}

async function send(path, { body, ...options }, token) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const request = { ...options, headers, body: body && JSON.stringify(body), credentials: "omit" };
  try {
    return await fetch(serviceUrl(`api/v1/chat/${path}`), request);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Cut();
  }
}

let renewing = null; // one session at a time, however many requests need it

function renewed(stale) {
  const { session = null } = stored();
  if (session && session !== stale) return session; // another tab, or a request before, has renewed it
  renewing ??= newSession(session).finally(() => (renewing = null));
  return renewing;
}

async function newSession(earlier) {
  const response = await send("sessions", { method: "POST", body: { site_key: siteKey, session: earlier } });
  if (response.status === 401 && earlier) return newSession(null); // too old: the visitor begins anew
  if (!response.ok) throw await refusal(response);
  const { session } = await response.json();
  store({ session });
  return session;
}

/** The response of the visitor's request, when it succeeded. Makes and renews the session. Throws Problem and Cut. */
export async function call(path, options = {}) {
  const token = stored().session || (await renewed(null));
  let response = await send(path, options, token);
  if (response.status === 401) response = await send(path, options, await renewed(token));
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The site's configuration. Throws Problem where the site is unknown or not for this origin. */
export async function readSite() {
  const response = await send(`sites/${encodeURIComponent(siteKey)}`, {});
  if (!response.ok) throw await refusal(response);
  return response.json();
}
