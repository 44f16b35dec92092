// Passkeys, by the browser's own WebAuthn interface. A form with data-passkey="create" or "get" asks the server for
// options (data-options), lets the browser work, puts the answer in its hidden Credential field and posts itself to
// data-finish: the server answers with a page, as it does to any form.

const forms = document.querySelectorAll("form[data-passkey]");
// An IP address cannot be a passkey's domain: there the buttons stay hidden and passwords remain.
const named = !/^[\d.]+$|^\[/.test(location.hostname);
const able = named && "PublicKeyCredential" in window
  && "parseCreationOptionsFromJSON" in PublicKeyCredential && "parseRequestOptionsFromJSON" in PublicKeyCredential;

if (able) {
  for (const form of forms) { offer(form); }
} else {
  for (const part of document.querySelectorAll("[data-passkey-unable]")) { part.hidden = false; }
}

function offer(form) {
  const button = form.querySelector("[data-passkey-button]");
  for (const part of form.querySelectorAll("[data-passkey-part]")) { part.hidden = false; }
  let waiting;

  button.addEventListener("click", async () => {
    if (form.dataset.passkey === "create" && !valid(form.elements.Email)) { return; }
    waiting?.abort();
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    say(form, "");
    try {
      finish(form, await ask(form, {}));
    } catch (error) {
      say(form, words(error));
      button.disabled = false;
      button.removeAttribute("aria-busy");
      button.focus();
    }
  });

  if (form.dataset.autofill === "on") { waiting = autofill(form); }
}

// Offers passkeys in the e-mail field's autofill list, without a click. The server asks for it on a fresh page only, so
// that a passkey which does not work is not tried over and over.
function autofill(form) {
  const controller = new AbortController();
  (async () => {
    if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) { return; }
    try {
      finish(form, await ask(form, { mediation: "conditional", signal: controller.signal }));
    } catch {
      // Nobody asked for this one: no message. The button remains.
    }
  })();
  return controller;
}

async function ask(form, extra) {
  const body = new URLSearchParams();
  if (form.elements.Email) { body.set("Email", form.elements.Email.value); }
  const response = await fetch(form.dataset.options, {
    method: "POST",
    body,
    headers: {
      Accept: "application/json",
      RequestVerificationToken: form.elements.__RequestVerificationToken.value,
    },
    signal: extra.signal,
  });
  const answer = response.headers.get("content-type")?.includes("json") ? await response.json() : {};
  if (answer.signIn) {
    location.assign(answer.signIn);
    return new Promise(() => {});
  }
  if (!response.ok) { throw new Error(answer.message ?? problem(response.status)); }

  return form.dataset.passkey === "create"
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(answer) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(answer), ...extra });
}

function finish(form, credential) {
  form.elements.Credential.value = JSON.stringify(credential);
  form.action = form.dataset.finish;
  // Not requestSubmit: the password field is required only when there is no passkey.
  form.submit();
}

function valid(email) {
  return !email || email.type === "hidden" || email.reportValidity();
}

function problem(status) {
  return status === 429
    ? "Too many tries. Wait a minute, then try again."
    : "That did not work. Reload the page and try again.";
}

function words(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "AbortError":
      return "No passkey was used. Try again, or use a password.";
    case "InvalidStateError":
      return "This device already holds a passkey for this account.";
    case "SecurityError":
      return "Passkeys do not work at this address.";
    case "NotSupportedError":
      return "This device cannot make a passkey of the kind that is needed.";
    default:
      return error.message;
  }
}

function say(form, text) {
  const status = form.querySelector("[data-passkey-status]");
  status.textContent = text;
  status.hidden = text === "";
}
