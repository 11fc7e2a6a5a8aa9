// <release-form> around the form of a release: shows the plan that it comes to while one chooses.
import { morphChildren, parse } from "./morph.js";
import { drawTimes } from "./times.js";
import { lineBack, lineLost } from "./told.js";

const PAUSE_MS = 250;

class ReleaseForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.localTime();
    this.addEventListener("input", (event) => event.target.name && this.later());
    this.addEventListener("change", (event) => event.target.name && this.later());
    // Enter in a field sends nothing by itself: what will be done has to be looked at first.
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input:not([type=checkbox], [type=radio])")) event.preventDefault();
    });
  }

  localTime() {
    const zone = this.querySelector("[name=zone]");
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
    if (zone.value === here) return;
    const time = this.querySelector("[name=start_at]");
    if (time?.value && zone.value === "UTC") {
      const moment = new Date(`${time.value}Z`);
      time.value = new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    }
    zone.value = here;
  }

  later() {
    clearTimeout(this.timer);
    this.asking?.abort(); // its answer would be of what was chosen before
    this.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.look(), PAUSE_MS);
  }

  async look() {
    this.asking = new AbortController();
    let answer;
    try {
      answer = await fetch(location.pathname, {
        method: "POST",
        body: new URLSearchParams(new FormData(this.form)),
        headers: { "HX-Request": "true", "HX-Current-URL": location.href },
        signal: this.asking.signal,
      });
      const elsewhere = answer.headers.get("HX-Redirect");
      if (elsewhere) location.assign(elsewhere);
      else if (answer.ok) {
        lineBack();
        morphChildren(this, parse(await answer.text()));
        drawTimes();
      } else lineLost();
    } catch (error) {
      if (error.name === "AbortError") return;
      lineLost();
    }
    this.removeAttribute("aria-busy");
  }
}
customElements.define("release-form", ReleaseForm);
