// <combo-box><select>…</select></combo-box>: a select that can be searched. An option may be disabled and
// say why in data-note. Without script the select is there as it is, and the form sends the select's value.
class ComboBox extends HTMLElement {
  connectedCallback() {
    this.select = this.querySelector("select");
    if (!this.select || this.input) return;
    this.select.hidden = true;
    this.input = document.createElement("input");
    this.list = document.createElement("ul");
    const id = this.select.id || `combo-${Math.random().toString(36).slice(2)}`;
    Object.assign(this.input, { className: "input", autocomplete: "off", spellcheck: false, id: `${id}-text` });
    const looks = { role: "combobox", "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list" };
    for (const [name, value] of Object.entries(looks)) this.input.setAttribute(name, value);
    const label = this.select.labels[0];
    if (label) {
      label.htmlFor = this.input.id;
      this.input.setAttribute("aria-label", label.textContent.trim());
    } else this.input.setAttribute("aria-label", this.select.getAttribute("aria-label") || "");
    this.list.id = `${id}-list`;
    this.list.className = "combo-list";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", this.input.getAttribute("aria-label"));
    this.list.hidden = true;
    this.append(this.input, this.list);
    this.show();
    this.select.addEventListener("change", () => this.show());
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => this.open());
    this.input.addEventListener("input", () => this.open(this.input.value));
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.take(event.target.closest("li"));
    });
  }

  /** What the server drew anew: other options, perhaps another choice. */
  renew(fresh) {
    // Copies: an option that is taken out of a select makes that select choose another one.
    this.select.replaceChildren(...[...fresh.querySelector("select").options].map((option) => option.cloneNode(true)));
    if (this.list.hidden) this.show();
  }

  show() {
    this.input.value = this.select.selectedOptions[0]?.textContent.trim() ?? "";
  }

  open(wanted = "") {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...this.select.options].filter((option) => {
      const text = `${option.textContent} ${option.dataset.note || ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    this.list.replaceChildren(...rows.slice(0, 200).map((option) => this.row(option)));
    this.list.hidden = !rows.length;
    this.input.setAttribute("aria-expanded", String(rows.length > 0));
    const chosen = wanted ? null : this.list.querySelector(`[data-index="${this.select.selectedIndex}"]`);
    this.mark(chosen ?? this.list.querySelector('li:not([aria-disabled="true"])'));
  }

  row(option) {
    const row = document.createElement("li");
    row.id = `${this.list.id}-${option.index}`;
    row.setAttribute("role", "option");
    row.dataset.index = option.index;
    row.textContent = option.textContent.trim();
    if (option.disabled) row.setAttribute("aria-disabled", "true");
    if (option.dataset.note) {
      const note = document.createElement("small");
      note.textContent = option.dataset.note;
      row.append(note);
    }
    return row;
  }

  mark(row) {
    for (const other of this.list.children) other.setAttribute("aria-selected", String(other === row));
    this.input.setAttribute("aria-activedescendant", row?.id ?? "");
    row?.scrollIntoView({ block: "nearest" });
  }

  take(row) {
    if (!row || row.getAttribute("aria-disabled") === "true") return;
    this.select.selectedIndex = Number(row.dataset.index);
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.show();
  }

  key(event) {
    const rows = [...this.list.querySelectorAll('li:not([aria-disabled="true"])')];
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (this.list.hidden) this.open();
      else this.mark(rows[(at + step + rows.length) % rows.length]);
    } else if (event.key === "Enter" && !this.list.hidden) {
      event.preventDefault();
      this.take(rows[at]);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.stopPropagation();
      this.close();
    }
  }
}
customElements.define("combo-box", ComboBox);
