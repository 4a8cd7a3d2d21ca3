"use strict";

// What every page of this machine shares: the way to the server, and a place to say what went wrong.
const AGAIN_MS = 1500;
const at = (id) => document.getElementById(id);

class Refused extends Error {}

// One request, tried again for as long as the server does not answer: it may have been started anew.
async function send(act, wish) {
  const body = JSON.stringify(wish);
  const headers = { "Content-Type": "application/json" };
  for (;;) {
    let answer = null;
    try {
      answer = await fetch(act, { method: "POST", headers, body });
    } catch {
      trouble(`Tunewright does not answer. Your ${document.body.dataset.what} are saved; this page tries again by itself.`);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
      continue;
    }
    const value = await answer.json().catch(() => ({ error: `the answer is no JSON (${answer.status})` }));
    if (answer.ok || answer.status === 409) {
      trouble("");
      return value;
    }
    throw new Refused(value.error);
  }
}

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}
