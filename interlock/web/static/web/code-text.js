// <code-text faults="3,7"> around a textarea: line numbers, Tab as two spaces, marks at the lines with faults.
// Escape and then Tab leaves the field. A button with data-line="3" inside [data-goes] puts the caret there.
class CodeText extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    if (!this.area || this.gutter) return;
    this.gutter = document.createElement("div");
    this.gutter.className = "gutter";
    this.gutter.setAttribute("aria-hidden", "true");
    this.prepend(this.gutter);
    this.area.addEventListener("input", () => this.number());
    this.area.addEventListener("scroll", () => (this.gutter.scrollTop = this.area.scrollTop));
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.number();
  }

  static observedAttributes = ["faults"];
  attributeChangedCallback() {
    if (this.gutter) this.number(true);
  }

  number(again = false) {
    const lines = this.area.value.split("\n").length;
    if (!again && lines === this.gutter.childElementCount) return;
    const wrong = new Set((this.getAttribute("faults") || "").split(","));
    const rows = Array.from({ length: lines }, (_, at) => {
      const row = document.createElement("span");
      row.textContent = at + 1;
      if (wrong.has(String(at + 1))) row.className = "bad";
      return row;
    });
    this.gutter.replaceChildren(...rows);
    this.gutter.scrollTop = this.area.scrollTop;
  }

  key(event) {
    if (event.key === "Escape") this.leaving = true;
    else if (event.key === "Tab" && !this.leaving && !event.shiftKey && !this.area.readOnly) {
      event.preventDefault();
      this.area.setRangeText("  ", this.area.selectionStart, this.area.selectionEnd, "end");
      this.area.dispatchEvent(new Event("input", { bubbles: true }));
    } else this.leaving = false;
  }

  go(line, column) {
    const before = this.area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    this.area.focus();
    this.area.setSelectionRange(before + column - 1, before + column - 1);
    this.area.scrollTop = (line - 5) * parseFloat(getComputedStyle(this.area).lineHeight);
  }
}
customElements.define("code-text", CodeText);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-line]");
  if (button) document.querySelector("code-text")?.go(Number(button.dataset.line), Number(button.dataset.column));
});
// What was said of the text by now marks its lines.
document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.querySelector?.("[data-faults]");
  if (said) document.querySelector("code-text")?.setAttribute("faults", said.dataset.faults);
});
