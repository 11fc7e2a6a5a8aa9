// Forms and buttons that ask before they act, and none that acts twice.
//   data-ask="What this will do"   data-ask-title="Stop run 12?"   data-ask-word="hello" (to be typed)
const dialog = document.getElementById("ask");
const sure = new WeakSet();

function ask(form, by) {
  const about = by?.dataset.ask ? by : form;
  dialog.querySelector("h2").textContent = about.dataset.askTitle || by?.textContent.trim() || "";
  dialog.querySelector("p").textContent = about.dataset.ask;
  const typed = dialog.querySelector(".field");
  const input = typed.querySelector("input");
  const yes = dialog.querySelector('[value="yes"]');
  const word = about.dataset.askWord || "";
  typed.hidden = !word;
  typed.querySelector("span").textContent = document.getElementById("words").dataset.type.replace("{word}", word);
  input.value = "";
  yes.textContent = by?.textContent.trim() || yes.textContent;
  yes.classList.toggle("danger", Boolean(by?.classList.contains("danger")));
  yes.disabled = Boolean(word);
  input.oninput = () => (yes.disabled = input.value !== word);
  dialog.returnValue = "no";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes" || yes.disabled) return;
    sure.add(form);
    form.requestSubmit(by);
  };
  dialog.showModal();
  (word ? input : yes).focus();
}

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (form.method === "dialog") return;
    const by = event.submitter;
    if ((form.dataset.ask || by?.dataset.ask) && !sure.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      ask(form, by);
      return;
    }
    sure.delete(form);
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (form.method === "post") {
      form.setAttribute("aria-busy", "true");
      // Back brings the page as it was left: it must answer again.
      setTimeout(() => form.removeAttribute("aria-busy"), 4000);
    }
  },
  true,
);
document.addEventListener("htmx:afterRequest", (event) => event.target.closest?.("form")?.removeAttribute("aria-busy"));
