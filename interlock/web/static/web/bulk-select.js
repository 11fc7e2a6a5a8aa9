// <bulk-select> around a table whose rows have checkboxes [name]: one box for all of them, Shift for a
// stretch, and a bar [data-bulk] that comes up with the number chosen.
class BulkSelect extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.picked(event));
    this.addEventListener("refreshed", () => this.count());
    this.count();
  }

  get boxes() {
    return [...this.querySelectorAll('tbody input[type="checkbox"]:not(:disabled)')];
  }

  picked(event) {
    const box = event.target;
    if (!box.matches('input[type="checkbox"]')) return;
    const boxes = this.boxes;
    if (box.matches("[data-all]")) boxes.forEach((other) => (other.checked = box.checked));
    const [from, to] = [boxes.indexOf(this.last), boxes.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) boxes.slice(from, to + 1).forEach((other) => (other.checked = box.checked));
    this.last = box;
    this.count();
  }

  count() {
    const boxes = this.boxes;
    const chosen = boxes.filter((box) => box.checked).length;
    const all = this.querySelector("[data-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    for (const bar of this.querySelectorAll("[data-bulk]")) bar.hidden = !chosen;
    for (const place of this.querySelectorAll("[data-chosen]")) place.textContent = chosen;
    this.dispatchEvent(new CustomEvent("chosen", { detail: chosen, bubbles: true }));
  }
}
customElements.define("bulk-select", BulkSelect);
