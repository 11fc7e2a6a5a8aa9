// Lines with ANSI colours as pieces of one look each. A look goes on over the ends of lines.
const SEQUENCE = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;
export const PLAIN = Object.freeze({ ink: null, ground: null, bold: false, dim: false, italic: false, under: false, inverse: false });
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["under"], 27: ["inverse"] };
const ON = { 1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "inverse" };

/** What a program that goes back to the line's start has left there. */
export function settled(line) {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  return text.includes("\r") ? text.slice(text.lastIndexOf("\r") + 1) : text;
}

export const plain = (line) => settled(line).replace(SEQUENCE, "");

/** The look after a line that begins with this one. */
export function lookAfter(line, look) {
  if (!line.includes("\x1b[")) return look;
  for (const [, codes, final] of line.matchAll(SEQUENCE)) if (final === "m") look = changed(look, codes);
  return look;
}

export function pieces(line, look) {
  const text = settled(line);
  const found = [];
  let at = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), look });
    at = match.index + match[0].length;
    if (match[2] === "m") look = changed(look, match[1]);
  }
  if (at < text.length) found.push({ text: text.slice(at), look });
  return found;
}

function changed(look, codes) {
  const numbers = codes.split(/[;:]/).map(Number);
  let next = { ...look };
  for (let i = 0; i < numbers.length; i++) {
    const code = numbers[i];
    if (code === 0) next = { ...PLAIN };
    else if (ON[code]) next[ON[code]] = true;
    else if (OFF[code]) for (const name of OFF[code]) next[name] = false;
    else if (code === 39) next.ink = null;
    else if (code === 49) next.ground = null;
    else if (code >= 30 && code <= 37) next.ink = code - 30;
    else if (code >= 90 && code <= 97) next.ink = code - 82;
    else if (code >= 40 && code <= 47) next.ground = code - 40;
    else if (code >= 100 && code <= 107) next.ground = code - 92;
    else if (code === 38 || code === 48) {
      const [colour, taken] = large(numbers.slice(i + 1));
      next[code === 38 ? "ink" : "ground"] = colour;
      i += taken;
    }
  }
  return next;
}

/** A colour out of 256, or of three numbers: one of the sixteen, or as CSS has it. */
function large([kind, a = 0, b = 0, c = 0]) {
  if (kind === 2) return [`rgb(${a & 255} ${b & 255} ${c & 255})`, 4];
  if (kind !== 5) return [null, 0];
  if (a < 16) return [a, 2];
  if (a > 231) return [`rgb(${Array(3).fill(8 + (Math.min(a, 255) - 232) * 10).join(" ")})`, 2];
  const part = (n) => (n ? 55 + n * 40 : 0);
  const cube = a - 16;
  return [`rgb(${part(Math.floor(cube / 36))} ${part(Math.floor(cube / 6) % 6)} ${part(cube % 6)})`, 2];
}

/** The element of a piece; colours of the sixteen are classes, so that the page's policy has nothing to refuse. */
export function drawn({ text, look, hit }) {
  if (look === PLAIN && !hit) return document.createTextNode(text);
  const element = document.createElement(hit ? "mark" : "span");
  element.textContent = text;
  const [ink, ground] = look.inverse ? [look.ground ?? "none", look.ink ?? "none"] : [look.ink, look.ground];
  if (look.inverse) element.classList.add("inverse");
  for (const name of ["bold", "dim", "italic", "under"]) if (look[name]) element.classList.add(name);
  if (typeof ink === "number") element.classList.add(`ink-${ink}`);
  else if (ink && ink !== "none") element.style.color = ink;
  if (typeof ground === "number") element.classList.add(`ground-${ground}`);
  else if (ground && ground !== "none") element.style.backgroundColor = ground;
  return element;
}
