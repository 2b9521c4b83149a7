/** Which addresses of models and documents become links. */

import { element } from "./dom.js";
import { serviceUrl } from "./settings.js";

/** `url` where it leads to the web or to the service's own handbook, made absolute; null for all else. */
export function safeUrl(url) {
  const own = /^\/handbook\/(?!\/)/.test(url);
  if (!own && !/^https?:\/\//i.test(url)) return null; // no web address, or relative to a site that is not known here
  try {
    const parsed = new URL(own ? serviceUrl(url.slice(1)) : url);
    return parsed.username || parsed.password ? null : parsed.href; // looks like another host
  } catch {
    return null;
  }
}

export function link(href, attributes, ...children) {
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", ...attributes }, ...children);
}
