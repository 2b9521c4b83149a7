/** Nodes, made without HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element by name and classes ("p.outcome"), with attributes if the first of the rest is an object of them (null: left
 * out). Strings among the children become text, never markup.
 */
export function element(kind, ...rest) {
  const [name, ...classes] = kind.split(".");
  const node = document.createElement(name);
  const attributes = rest[0]?.constructor === Object ? rest.shift() : {};
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  if (classes.length) node.classList.add(...classes);
  node.append(...rest);
  return node;
}

/** A button of a class that does `act`; the rest is as for an element. */
export function button(kind, act, ...rest) {
  const node = element(`button.${kind}`, ...rest);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

/** A picture of lines on a grid of 16. */
export function icon(lines, name = "") {
  const picture = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", lines);
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  if (name) picture.setAttribute("class", name);
  picture.append(path);
  return picture;
}

/** A button that shows only a picture; its name is read out and shown as a tooltip. */
export function iconButton(kind, act, label, lines, attributes = {}) {
  return button(kind, act, { "aria-label": label, title: label, ...attributes }, icon(lines));
}

/** Make the children of `shown` equal to those of `fresh`, leaving alone what is equal: focus and selection stay. */
export function grow(shown, fresh) {
  const wanted = [...fresh.childNodes];
  for (const [index, node] of wanted.entries()) {
    const old = shown.childNodes[index];
    if (!old) shown.append(node);
    else if (old.isEqualNode(node)) continue;
    else if (old instanceof Text && node instanceof Text && node.data.startsWith(old.data))
      old.appendData(node.data.slice(old.data.length));
    else if (old instanceof Element && old.cloneNode().isEqualNode(node.cloneNode())) grow(old, node);
    else old.replaceWith(node);
  }
  while (shown.childNodes.length > wanted.length) shown.lastChild.remove();
}
