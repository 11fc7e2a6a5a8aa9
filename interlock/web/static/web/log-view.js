// <log-view body="t12-1" src="/api/v1/runs/5/logs/t12-1">: a log of any length, of which only the rows in
// sight are drawn. It reads what there is; what comes later is handed to take() by who owns the stream.
import { PLAIN, drawn, lookAfter, pieces, plain } from "./ansi.js";
import { tell } from "./told.js";

const ROW = 19; // px, as in run.css
const PIECE = 1024 * 1024;
const WIDEST = 4000; // characters of a line that is not wrapped
const WRAP = "log-wrap";
const ADDRESS = /^#L(\d+)(?:-L(\d+))?$/;

class LogView extends HTMLElement {
  static observedAttributes = ["body"];

  connectedCallback() {
    if (this.box) return;
    this.box = this.querySelector(".log-window");
    this.sheet = this.querySelector(".log-lines");
    this.note = this.querySelector(".log-note");
    this.rows = document.createElement("div");
    this.rows.className = "log-rows";
    this.sheet.append(this.rows);
    this.find = this.querySelector("[data-find]");
    this.wrap = localStorage.getItem(WRAP) === "yes";
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.addEventListener("click", (event) => this.clicked(event));
    this.find.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.search(), 120);
    });
    this.find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.nextHit(event.shiftKey ? -1 : 1);
      }
    });
    window.addEventListener("hashchange", () => this.goToAddress());
    new ResizeObserver(() => (this.wrap ? this.layAgain() : this.draw())).observe(this.box);
    this.load();
  }

  attributeChangedCallback(name, old, now) {
    // The other attributes of the same change come after this one.
    if (this.box && old !== now) queueMicrotask(() => this.load());
  }

  /** What somebody should follow for us, if there is more to come. */
  get wanted() {
    return this.body && !this.ended && !this.loading ? { body: this.body, offset: this.offset } : null;
  }

  async load() {
    const turn = (this.turn = (this.turn || 0) + 1);
    this.body = this.getAttribute("body") || "";
    Object.assign(this, { lines: [], looks: [PLAIN], starts: [0], hits: [], at: -1, open: false, offset: 0 });
    Object.assign(this, { ended: false, cut: false, trouble: false, loading: Boolean(this.body), top: 0 });
    this.decoder = new TextDecoder();
    this.readAddress();
    this.follow = !this.chosen;
    this.querySelector("[data-file]").href = this.getAttribute("file") || "#";
    this.draw();
    while (this.loading && turn === this.turn) await this.read(turn);
    if (turn !== this.turn) return;
    this.goToAddress();
    if (this.find.value) this.search(false);
    this.draw();
    this.dispatchEvent(new Event("log-ready", { bubbles: true }));
  }

  async read(turn) {
    let answer, bytes;
    try {
      answer = await fetch(`${this.getAttribute("src")}?offset=${this.offset}&limit=${PIECE}`);
      bytes = answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
    } catch {
      bytes = null;
    }
    if (turn !== this.turn) return;
    if (!bytes) {
      this.loading = false;
      this.trouble = answer?.status !== 404; // 404: nothing has been said yet
      return;
    }
    const end = Number(answer.headers.get("X-Log-End"));
    this.add(bytes);
    if (bytes.length && this.offset < end) return;
    this.loading = false;
    this.cut = answer.headers.get("X-Log-Cut") === "true";
    this.ended = answer.headers.get("X-Log-Ended") === "true";
    this.offset = Math.max(this.offset, end);
  }

  /** Bytes from an offset on; what we have already is left out. */
  take(start, bytes) {
    if (start > this.offset) this.cut = true;
    this.offset = Math.max(start, this.offset);
    if (start + bytes.length > this.offset) this.add(bytes.subarray(this.offset - start));
    this.trouble = false;
    this.draw();
  }

  end() {
    this.ended = true;
    this.draw();
  }

  add(bytes) {
    this.offset += bytes.length;
    const fresh = this.decoder.decode(bytes, { stream: true }).split("\n");
    if (this.open) {
      fresh[0] = this.lines.pop() + fresh[0];
      this.looks.pop();
      this.starts.pop();
      if (this.hits.at(-1) === this.lines.length) this.hits.pop();
    }
    this.open = fresh.at(-1) !== "";
    if (!this.open) fresh.pop();
    for (const line of fresh) this.push(line);
  }

  push(line) {
    const number = this.lines.push(line) - 1;
    this.looks.push(lookAfter(line, this.looks[number]));
    this.starts.push(this.starts[number] + (this.wrap ? this.breaks(plain(line)).length : 1));
    if (this.sought && plain(line).toLowerCase().includes(this.sought)) this.hits.push(number);
  }

  // --- laying out: rows of equal height; a wrapped line has several

  get columns() {
    return Math.max(20, Math.floor((this.box.clientWidth - 86) / this.charWidth));
  }

  get charWidth() {
    if (!this.measured) {
      const probe = document.createElement("code");
      probe.textContent = "0".repeat(100);
      this.rows.append(probe);
      this.measured = probe.getBoundingClientRect().width / 100 || 7.5;
      probe.remove();
    }
    return this.measured;
  }

  /** Where each row of a text ends. */
  breaks(text) {
    const columns = this.fitting || (this.fitting = this.columns);
    if (text.length <= columns / 2 || !this.wrap) return [text.length];
    const ends = [];
    let width = 0;
    for (let i = 0; i < text.length; i++) {
      const wide = text.charCodeAt(i) >= 0x1100 ? 2 : 1;
      if (width + wide > columns) {
        ends.push(i);
        width = 0;
      }
      width += wide;
    }
    ends.push(text.length);
    return ends;
  }

  layAgain() {
    const first = this.lineAt(Math.floor(this.box.scrollTop / ROW));
    this.fitting = 0;
    this.starts = [0];
    for (const [number, line] of this.lines.entries()) {
      this.starts.push(this.starts[number] + (this.wrap ? this.breaks(plain(line)).length : 1));
    }
    if (!this.follow) this.goTo(this.starts[first] * ROW);
    this.draw();
  }

  lineAt(row) {
    let low = 0, high = this.lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return Math.max(low, 0);
  }

  // --- drawing

  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const total = this.starts.at(-1);
    this.sheet.style.height = `${total * ROW}px`;
    this.tellState();
    if (this.follow) this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop;
    const first = Math.max(0, Math.floor(this.top / ROW) - 8);
    const last = Math.min(total, first + Math.ceil(this.box.clientHeight / ROW) + 16);
    this.rows.style.transform = `translateY(${first * ROW}px)`;
    const drawnRows = [];
    for (let row = first, line = this.lineAt(first); row < last; row++) {
      while (line + 1 < this.lines.length && this.starts[line + 1] <= row) line++;
      drawnRows.push(this.row(line, row - this.starts[line]));
    }
    this.rows.replaceChildren(...drawnRows);
  }

  row(line, part) {
    const row = document.createElement("div");
    const number = line + 1;
    row.className = "log-line";
    if (this.chosen && number >= this.chosen[0] && number <= this.chosen[1]) row.classList.add("chosen");
    if (this.hits[this.at] === line) row.classList.add("current");
    const label = document.createElement(part ? "span" : "a");
    label.className = "no";
    if (!part) {
      label.textContent = number;
      label.href = `#L${number}`;
      label.tabIndex = -1;
    }
    const text = plain(this.lines[line]);
    const ends = this.wrap ? this.breaks(text) : [Math.min(text.length, WIDEST)];
    const code = document.createElement("code");
    code.append(...this.between(line, text, part ? ends[part - 1] : 0, ends[part]).map(drawn));
    if (!this.wrap && text.length > WIDEST) code.append("…");
    row.append(label, code);
    return row;
  }

  /** The pieces of a line from one character to another, with what is searched for on its own. */
  between(line, text, from, to) {
    const borders = new Set([from, to]);
    const marks = [];
    const low = this.sought ? text.toLowerCase() : "";
    for (let at = low && low.indexOf(this.sought, 0); low && at >= 0 && at < to; at = low.indexOf(this.sought, at + this.sought.length)) {
      marks.push([at, at + this.sought.length]);
      borders.add(at).add(at + this.sought.length);
    }
    const found = [];
    let at = 0;
    for (const piece of pieces(this.lines[line], this.looks[line])) {
      const end = at + piece.text.length;
      const cuts = [at, ...[...borders].filter((border) => border > at && border < end), end].sort((a, b) => a - b);
      for (let i = 0; i + 1 < cuts.length; i++) {
        if (cuts[i] < from || cuts[i] >= to) continue;
        const hit = marks.some(([a, b]) => cuts[i] >= a && cuts[i] < b);
        found.push({ text: piece.text.slice(cuts[i] - at, cuts[i + 1] - at), look: piece.look, hit });
      }
      at = end;
    }
    return found;
  }

  tellState() {
    const words = this.note.dataset;
    const few = !this.lines.length;
    let text = this.cut && !this.loading ? words.cut : "";
    if (this.trouble) text = words.lost;
    else if (!this.body) text = words.nothing;
    else if (this.loading) text = few ? words.loading : "";
    else if (few) text = this.ended ? words.empty : words.none;
    if (this.note.textContent !== text) this.note.textContent = text;
    this.querySelector("[data-count]").textContent = few ? "" : `${this.lines.length.toLocaleString(document.documentElement.lang)} ${words.lines}`;
    this.querySelector("[data-follow]").setAttribute("aria-pressed", String(this.follow));
    this.querySelector("[data-wrap]").setAttribute("aria-pressed", String(this.wrap));
    this.querySelector("[data-hits]").textContent = this.sought ? `${this.at + 1}/${this.hits.length}` : "";
    this.classList.toggle("wrapped", this.wrap);
  }

  // --- what people do

  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    if (scrollTop < this.top - 2) this.follow = false;
    else if (scrollTop + clientHeight >= scrollHeight - 4) this.follow = true;
    this.top = scrollTop;
    this.draw();
  }

  clicked(event) {
    const number = event.target.closest("a.no");
    if (number) {
      event.preventDefault();
      this.choose(Number(number.textContent), event.shiftKey);
    } else if (event.target.closest("[data-follow]")) {
      this.follow = !this.follow;
      this.draw();
    } else if (event.target.closest("[data-wrap]")) {
      this.wrap = !this.wrap;
      localStorage.setItem(WRAP, this.wrap ? "yes" : "no");
      this.layAgain();
    } else if (event.target.closest("[data-take]")) this.copy();
    else if (event.target.closest("[data-before]")) this.nextHit(-1);
    else if (event.target.closest("[data-next]")) this.nextHit(1);
  }

  choose(line, further) {
    const from = further && this.chosen ? this.chosen[0] : line;
    this.chosen = [Math.min(from, line), Math.max(from, line)];
    this.follow = false;
    const address = new URL(location.href);
    address.searchParams.set("log", this.body);
    address.hash = this.chosen[0] === this.chosen[1] ? `L${line}` : `L${this.chosen[0]}-L${this.chosen[1]}`;
    history.replaceState(history.state, "", address);
    this.dispatchEvent(new Event("address", { bubbles: true }));
    this.draw();
  }

  readAddress() {
    const found = ADDRESS.exec(location.hash);
    this.chosen = found ? [Number(found[1]), Number(found[2] || found[1])] : null;
  }

  goToAddress() {
    this.readAddress();
    if (this.chosen) this.show(this.chosen[0] - 1);
  }

  show(line) {
    if (line < 0 || line >= this.lines.length) return;
    this.follow = false;
    this.goTo(Math.max(0, this.starts[line] * ROW - this.box.clientHeight / 3));
    this.draw();
  }

  /** There is no further to go than the sheet is high. */
  goTo(top) {
    this.sheet.style.height = `${this.starts.at(-1) * ROW}px`;
    this.box.scrollTop = top;
    this.top = this.box.scrollTop;
  }

  search(move = true) {
    this.sought = this.find.value.toLowerCase();
    this.hits = [];
    if (this.sought) {
      for (const [number, line] of this.lines.entries()) {
        if (plain(line).toLowerCase().includes(this.sought)) this.hits.push(number);
      }
    }
    const first = this.lineAt(Math.floor(this.box.scrollTop / ROW));
    this.at = this.hits.length ? Math.max(0, this.hits.findIndex((hit) => hit >= first)) : -1;
    if (move && this.at >= 0) this.show(this.hits[this.at]);
    this.draw();
  }

  nextHit(step) {
    if (!this.hits.length) return;
    this.at = (this.at + step + this.hits.length) % this.hits.length;
    this.show(this.hits[this.at]);
  }

  async copy() {
    const lines = this.chosen ? this.lines.slice(this.chosen[0] - 1, this.chosen[1]) : this.lines;
    await navigator.clipboard.writeText(lines.map(plain).join("\n") + "\n");
    tell(document.getElementById("words").dataset.copied);
  }
}
customElements.define("log-view", LogView);
