/** The highlighter: highlight.js with the languages that documentation is written about. Built on its own. */

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import shell from "highlight.js/lib/languages/shell";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = {
  bash, c, cpp, css, diff, dockerfile, go, ini, java, javascript, json, python, rust, shell, sql, typescript, xml, yaml,
};
for (const [name, definition] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, definition);

// The class of a token by the first part of its scope; tokens of other scopes stay plain.
const CLASSES = {
  comment: "hl-comment", quote: "hl-comment", doctag: "hl-comment",
  keyword: "hl-keyword", literal: "hl-keyword", tag: "hl-keyword", operator: "hl-keyword",
  string: "hl-string", regexp: "hl-string", char: "hl-string",
  number: "hl-number", symbol: "hl-number", bullet: "hl-number", link: "hl-number",
  title: "hl-title", section: "hl-title", name: "hl-title", "selector-tag": "hl-title", "selector-class": "hl-title",
  built_in: "hl-name", type: "hl-name", attr: "hl-name", attribute: "hl-name", variable: "hl-name", property: "hl-name",
  meta: "hl-meta",
  addition: "hl-addition", deletion: "hl-deletion",
};

function tokens(node, name, found) {
  for (const child of node.children) {
    if (typeof child === "string") found.push([name, child]);
    else tokens(child, CLASSES[child.scope?.split(".")[0]] ?? name, found);
  }
  return found;
}

/** Pieces [class or "", text] of `code`, which joined are the code; null for a language that is not known. */
function highlight(language, code) {
  if (!hljs.getLanguage(language)) return null;
  const { _emitter: emitter } = hljs.highlight(code, { language, ignoreIllegals: true });
  return tokens(emitter.rootNode, "", []);
}

document.currentScript.highlight = highlight;
