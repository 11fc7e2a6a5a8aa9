// Make what is on the page like what the server drew anew, touching only what differs: what is open stays
// open, what has the focus keeps it, what was typed stays. Elements are paired by id, else by place.
const MINE = new Set(["open", "aria-busy"]); // states of the browser that the server knows nothing of

export function morph(old, fresh) {
  if (old.renew) {
    old.renew(fresh); // an element that has made something of what it was given
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !MINE.has(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !MINE.has(name)) old.setAttribute(name, value);
  }
  if (!old.hasAttribute("data-keep")) morphChildren(old, fresh);
}

export function morphChildren(old, fresh) {
  const named = new Map();
  for (const child of old.children) if (child.id) named.set(child.id, child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let mate = wanted.id ? named.get(wanted.id) : at;
    if (mate && wanted.id && mate !== at) old.insertBefore(mate, at);
    if (mate && (mate.nodeName !== wanted.nodeName || (mate.id || "") !== (wanted.id || ""))) mate = null;
    if (!mate) {
      old.insertBefore(wanted, at);
      window.htmx?.process(wanted);
      continue;
    }
    at = mate.nextSibling;
    if (mate.nodeType === Node.ELEMENT_NODE) morph(mate, wanted);
    else if (mate.data !== wanted.data) mate.data = wanted.data;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** The element that a fragment of HTML holds. */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
