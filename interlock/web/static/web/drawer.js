// <a href="/hosts/3" hx-get="/hosts/3/_drawer" hx-target="#drawer">: a look aside, without leaving the page.
const drawer = document.getElementById("drawer");
drawer.addEventListener("htmx:afterSwap", (event) => {
  if (event.target === drawer && !drawer.open) drawer.showModal();
});
drawer.addEventListener("click", (event) => {
  if (event.target === drawer) drawer.close(); // the ground beside it
});
drawer.addEventListener("close", () => drawer.replaceChildren());
