// What every page loads. Pages work without it; with it they stay true and answer quicker.
import "./asking.js";
import "./bulk-select.js";
import "./combo-box.js";
import "./drawer.js";
import "./keys.js";
import "./live-region.js";
import "./times.js";
import "./told.js";
import "./waiting.js";

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token) event.detail.headers["X-CSRFToken"] = token;
});

// A menu closes when one goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const { tell } = await import("./told.js");
  await navigator.clipboard.writeText(button.dataset.copy);
  tell(document.getElementById("words").dataset.copied);
});
