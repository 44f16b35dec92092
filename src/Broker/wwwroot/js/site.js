// Small behaviours that every page shares. All of it is an addition: each page works without script.

for (const opener of document.querySelectorAll("[data-opens]")) {
  const dialog = document.getElementById(opener.dataset.opens);
  opener.addEventListener("click", () => dialog.showModal());
}

for (const closer of document.querySelectorAll("[data-closes]")) {
  closer.addEventListener("click", () => closer.closest("dialog").close());
}

for (const button of document.querySelectorAll("[data-reveals]")) {
  const input = document.getElementById(button.dataset.reveals);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!shown));
  });
  // A password manager should see a password field when the form goes.
  input.form.addEventListener("submit", () => { input.type = "password"; });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.querySelector(button.dataset.copy);
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// A page that lures a double click can open a consent page under the second one. A guarded button
// therefore takes no click until the page has been in front for half a second.
const guarded = document.querySelectorAll("[data-guard]");
if (guarded.length > 0) {
  let timer;
  const hold = () => {
    clearTimeout(timer);
    for (const button of guarded) { button.disabled = true; }
    timer = setTimeout(() => { for (const button of guarded) { button.disabled = false; } }, 500);
  };
  hold();
  addEventListener("focus", hold);
  addEventListener("pageshow", hold);
}
