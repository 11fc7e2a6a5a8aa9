// Short words in the corner: what was done, what was refused, and that the line is broken.
const words = () => document.getElementById("words").dataset;
const STAYS_MS = 6000;

export function tell(text, kind = "good") {
  const toast = document.createElement("div");
  toast.className = `toast ${kind}`;
  const said = document.createElement("p");
  said.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet small";
  close.dataset.close = "";
  close.setAttribute("aria-label", words().close);
  close.textContent = "×";
  toast.append(said, close);
  document.getElementById("told").append(toast);
  return toast;
}

// What is bad stays until somebody has read it.
const leave = (toast) => toast.classList.contains("bad") || setTimeout(() => toast.remove(), STAYS_MS);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.classList?.contains("toast")) leave(node);
}).observe(document.getElementById("told"), { childList: true });
document.querySelectorAll("#told .toast").forEach(leave);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-close]");
  if (button) button.closest(".toast, dialog")?.[button.closest("dialog") && !button.closest(".toast") ? "close" : "remove"]();
});

let lost = null;
export function lineLost() {
  lost ??= tell(words().lost, "bad");
}
export function lineBack() {
  if (!lost) return;
  lost.remove();
  lost = null;
  tell(words().back);
}

document.addEventListener("htmx:sendError", () => tell(words().failed, "bad"));
