// <live-region src="/runs/_rows" every="5">: asks for its content again, and changes what differs.
// Without `every` somebody calls refresh(). Asks nothing while the page is hidden.
import { morphChildren, parse } from "./morph.js";
import { drawTimes } from "./times.js";
import { lineBack, lineLost } from "./told.js";

class LiveRegion extends HTMLElement {
  connectedCallback() {
    this.seen = () => document.hidden || this.refresh();
    document.addEventListener("visibilitychange", this.seen);
    const seconds = Number(this.getAttribute("every"));
    if (seconds) this.timer = setInterval(() => document.hidden || this.refresh(), seconds * 1000);
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.seen);
    clearInterval(this.timer);
  }

  /** Ask once; a wish that comes while an answer is on its way asks once more after it. */
  async refresh() {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      do {
        this.again = false;
        await this.ask();
      } while (this.again && this.isConnected);
    } finally {
      this.asking = false;
    }
  }

  async ask() {
    let answer;
    try {
      answer = await fetch(this.getAttribute("src"), { headers: { "HX-Request": "true", "HX-Current-URL": location.href } });
    } catch {
      lineLost();
      return;
    }
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) {
      location.assign(elsewhere); // the session has ended
    } else if (answer.ok) {
      lineBack();
      morphChildren(this, parse(await answer.text()));
      drawTimes();
      this.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
    } else if (answer.status >= 500) {
      lineLost();
    } else {
      this.dispatchEvent(new CustomEvent("refused", { detail: answer.status, bubbles: true }));
    }
  }
}
customElements.define("live-region", LiveRegion);
