// Seals a key in the browser before its form goes (HPKE, RFC 9180), to an upload key of the broker and bound to this
// person, session and form. Nothing between here and the broker can read it, or use it a second time. The field that is
// typed into is never posted; the hidden one with data-seals is.
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "./vendor/hpke-core.js";

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

for (const warning of document.querySelectorAll("[data-seal-without]")) { warning.hidden = true; }
for (const target of document.querySelectorAll("input[data-seals]")) { guard(target); }

function guard(target) {
  const typed = document.getElementById(target.dataset.seals);
  const form = target.form;
  let state = "idle";
  addEventListener("pageshow", () => { state = "idle"; });

  // Where a browser without scripts may post a key as it is, this one need not.
  typed.removeAttribute("name");
  target.disabled = false;

  form.addEventListener("submit", async (event) => {
    if (state === "sealed") {
      state = "gone";
      typed.value = "";
      return;
    }

    // A second press must not seal an empty field over the first.
    if (state !== "idle") {
      event.preventDefault();
      return;
    }

    // Someone who declines sends no key.
    const { submitter } = event;
    if (submitter?.formNoValidate) {
      typed.value = "";
      target.value = "";
      return;
    }

    event.preventDefault();
    state = "sealing";
    try {
      target.value = await seal(target.dataset, typed.value);

      // The browser may have sealed it at once, and takes no second submission from within the event of the first.
      await new Promise((resolve) => { setTimeout(resolve); });
    } catch {
      state = "idle";
      say(form, "Your browser could not seal the key, so nothing was sent. Reload the page over https and try again.");
      return;
    }

    state = "sealed";
    if (submitter) { submitter.disabled = false; }
    form.requestSubmit(submitter);
  });
}

async function seal({ ticket, key, info, binding }, text) {
  const { ct, enc } = await suite.seal(
    { recipientPublicKey: await suite.kem.deserializePublicKey(bytesOf(key)), info: bytesOf(info) },
    new TextEncoder().encode(text.trim()),
    bytesOf(binding));
  return ["hpke1", ticket, textOf(enc), textOf(ct)].join(".");
}

function bytesOf(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)).buffer;
}

function textOf(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function say(form, words) {
  const place = form.querySelector("[data-seal-trouble]");
  place.textContent = words;
  place.hidden = false;
}
