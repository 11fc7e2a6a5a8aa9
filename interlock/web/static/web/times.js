// Moments in the reader's language and time zone, and durations that go on.
const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [2592000, "day", 86400], [31536000, "month", 2592000], [Infinity, "year", 31536000]];

function since(moment) {
  const seconds = Math.round((moment - Date.now()) / 1000);
  const [, unit, size] = STEPS.find(([below]) => Math.abs(seconds) < below);
  return relative.format(Math.trunc(seconds / size), unit);
}

function duration(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} m`;
  return `${Math.floor(seconds / 86400)} d ${two(Math.floor((seconds % 86400) / 3600))} h`;
}

class Timed extends HTMLElement {
  static all = new Set();
  connectedCallback() {
    Timed.all.add(this);
    this.draw();
  }
  disconnectedCallback() {
    Timed.all.delete(this);
  }
  say(text) {
    const place = this.querySelector("time") || this;
    if (place.textContent !== text) place.textContent = text;
  }
}
customElements.define("time-ago", class extends Timed {
  draw() {
    const time = this.querySelector("time");
    if (!time) return;
    const moment = new Date(time.dateTime);
    this.say(since(moment));
    this.title = exact.format(moment);
  }
});
customElements.define("local-time", class extends Timed {
  draw() {
    const time = this.querySelector("time");
    if (time) this.say(exact.format(new Date(time.dateTime)));
  }
});
customElements.define("time-since", class extends Timed {
  draw() {
    const start = new Date(this.getAttribute("start"));
    this.say(duration(Math.max(0, Math.floor((Date.now() - start) / 1000))));
  }
});
export const drawTimes = () => Timed.all.forEach((element) => element.draw());
setInterval(() => document.hidden || drawTimes(), 1000);
