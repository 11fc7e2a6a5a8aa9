// <run-view src="/api/v1/runs/5/events">: keeps the page of a run true. It owns the one stream of the page,
// hands the log its bytes, and has the rest drawn anew by the server when the run's version has risen.
import "./log-view.js";
import { lineBack, lineLost, tell } from "./told.js";

const BATCH_MS = 80; // news that come together are drawn together
const APART_MS = 250; // between two drawings
const PATIENCE_MS = 2500; // a short break needs no words
const PAUSE_MOST_MS = 30_000;

class RunView extends HTMLElement {
  connectedCallback() {
    this.region = this.querySelector("live-region");
    this.base = this.region.getAttribute("src");
    this.pause = 1000;
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => this.moved(event));
    this.addEventListener("refreshed", () => this.refreshed());
    this.addEventListener("refused", () => this.gone());
    this.addEventListener("log-ready", () => this.connect());
    this.addEventListener("address", () => this.sync());
    window.addEventListener("popstate", () => {
      this.sync();
      this.region.refresh();
    });
    window.addEventListener("online", () => this.comeBack());
    // Six streams are all that a browser has for one server: pages that nobody sees leave theirs.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.connect()));
    document.addEventListener("keydown", (event) => this.key(event));
    this.sync();
    this.refreshed();
    if (!this.log?.loading) this.connect(); // else when it has read what there is
  }

  get now() {
    return this.querySelector("#now").dataset;
  }

  get log() {
    return this.querySelector("log-view");
  }

  /** The parts are asked for with what is chosen in the page's address. */
  sync() {
    this.region.setAttribute("src", this.base + location.search);
  }

  refreshed() {
    const { title, ended } = this.now;
    document.title = `${title} · Interlock`;
    if (ended !== undefined && !this.log?.wanted) this.close();
  }

  // --- the stream

  connect() {
    this.close();
    const wanted = this.log?.wanted;
    if (document.hidden || this.lostForGood || (this.now.ended !== undefined && !wanted)) return;
    const address = new URL(this.getAttribute("src"), location.href);
    if (wanted) {
      address.searchParams.set("log", wanted.body);
      address.searchParams.set("offset", wanted.offset);
    }
    const stream = (this.stream = new EventSource(address));
    const on = (name, act) => stream.addEventListener(name, (event) => act(JSON.parse(event.data)));
    stream.addEventListener("open", () => this.opened());
    stream.addEventListener("error", () => this.broken(stream));
    on("run", ({ version }) => version > Number(this.now.version) && this.soon());
    on("log", ({ body, start, data }) => {
      if (body === this.log?.body) this.log.take(start, Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
    });
    on("log-end", ({ body }) => body === this.log?.body && this.log.end());
    on("end", () => {
      this.close();
      this.soon();
    });
  }

  close() {
    clearTimeout(this.patience);
    clearTimeout(this.later);
    this.patience = null;
    this.stream?.close();
    this.stream = null;
  }

  opened() {
    clearTimeout(this.patience);
    this.patience = null;
    this.pause = 1000;
    lineBack();
  }

  broken(stream) {
    this.patience ??= setTimeout(lineLost, PATIENCE_MS);
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again, from where it was
    clearTimeout(this.later);
    this.later = setTimeout(() => this.comeBack(), this.pause);
    this.pause = Math.min(this.pause * 2, PAUSE_MOST_MS);
  }

  /** Ask for the page first: it says whether we are signed in, and whether the run is still there. */
  async comeBack() {
    await this.region.refresh();
    if (this.isConnected) this.connect();
  }

  gone() {
    this.lostForGood = true;
    this.close();
    tell(this.dataset.gone, "bad");
  }

  soon() {
    if (this.waiting) return;
    const since = Date.now() - (this.drawnAt || 0);
    this.waiting = setTimeout(() => {
      this.waiting = 0;
      this.drawnAt = Date.now();
      this.region.refresh();
    }, Math.max(BATCH_MS, APART_MS - since));
  }

  // --- what people do

  clicked(event) {
    const link = event.target.closest("a[data-stay]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.go(link.href);
  }

  async go(address) {
    history.pushState(null, "", address);
    this.sync();
    await this.region.refresh();
    const place = location.hash && document.getElementById(location.hash.slice(1));
    // Where all is below each other, what was asked for may be out of sight.
    if (place && innerWidth <= 1000) place.scrollIntoView({ block: "start" });
  }

  key(event) {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (typing || event.key !== "f" || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const all = [...this.querySelectorAll('a[data-bad], a[data-state="failed"], a[data-state="unknown"], a[data-state="put_back"]')];
    const addresses = [...new Set(all.map((link) => hostOf(link.href)))];
    if (!addresses.length) return void tell(this.dataset.noFailure);
    event.preventDefault();
    const next = addresses[(addresses.indexOf(hostOf(location.href)) + 1) % addresses.length];
    const link = all.find((one) => hostOf(one.href) === next);
    this.go(link.href);
    link.focus();
  }

  /** Arrows go from cell to cell; Tab goes from batch to batch. */
  moved(event) {
    const cell = event.target.closest?.(".cell");
    if (!cell || !event.key.startsWith("Arrow")) return;
    const cells = [...this.querySelectorAll(".cell")];
    const at = cells.indexOf(cell);
    const across = cells.filter((other) => other.offsetTop === cell.offsetTop).length || 1;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    event.preventDefault();
    cells[Math.min(Math.max(at + step, 0), cells.length - 1)].focus();
  }
}

function hostOf(address) {
  const query = new URL(address).searchParams;
  return query.get("host") ? `host ${query.get("host")}` : `log ${query.get("log")}`;
}
customElements.define("run-view", RunView);
