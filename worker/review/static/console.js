"use strict";
// Keys press the button that names them; while somebody types, they are letters.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input, textarea, select")) return;
  const button = document.querySelector(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (button && !button.disabled) {
    event.preventDefault();
    button.click();
  }
});
// A form is sent once; the server would count a second one as the same anyway.
document.addEventListener("submit", (event) => {
  const { target } = event;
  if (target.method !== "post") return;
  setTimeout(() => target.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
});
// Going back shows the page as it was left, with its buttons off.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
