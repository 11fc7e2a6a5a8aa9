// A form with data-live-check="#stages": its answer comes in lines, each the whole list as it is by then.
import { morphChildren, parse } from "./morph.js";
import { lineLost, tell } from "./told.js";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const place = document.querySelector(form.dataset.liveCheck || "none");
  if (!place || event.defaultPrevented) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  // A refresh in the middle would bring back the stages of the check before.
  place.dataset.keep = "";
  try {
    const body = new FormData(form);
    body.set("live", "1");
    const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (answer.headers.get("HX-Redirect")) return location.assign(answer.headers.get("HX-Redirect"));
    if (!answer.ok) return tell(parse(await answer.text()).textContent.trim(), "bad");
    await read(answer.body, (line) => morphChildren(place, parse(line)));
  } catch {
    lineLost();
  } finally {
    delete place.dataset.keep;
    button.disabled = false;
    form.removeAttribute("aria-busy");
    place.closest("live-region")?.refresh();
  }
});

async function read(stream, take) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    if (lines.length) take(lines.at(-1));
    if (done) return;
  }
}
