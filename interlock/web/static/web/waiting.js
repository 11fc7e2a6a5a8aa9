// The badges of the navigation: how much waits for this person, asked for again now and then.
import { parse } from "./morph.js";

const EVERY_MS = 15_000;

async function count() {
  const badges = document.querySelectorAll("[data-waiting]");
  if (document.hidden || !badges.length) return;
  let answer;
  try {
    answer = await fetch(badges[0].dataset.waiting, { headers: { "HX-Request": "true" } });
  } catch {
    return; // who needs the line says so
  }
  if (!answer.ok) return;
  const fresh = parse(await answer.text()).querySelector("[data-waiting]");
  for (const badge of badges) {
    badge.textContent = fresh.textContent;
    badge.hidden = fresh.hidden;
  }
}
setInterval(count, EVERY_MS);
document.addEventListener("visibilitychange", count);
// What was drawn anew may be why.
document.addEventListener("refreshed", (event) => event.target.matches("[data-counts]") && count());
