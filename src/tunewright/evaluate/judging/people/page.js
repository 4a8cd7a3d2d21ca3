"use strict";

// The page asks the server for the next pair and sends votes; the server alone remembers anything.
const KEYS = { 1: "left", 2: "right", 0: "tie", s: "skip", S: "skip" };
const STORED = "tunewright rater";

let rater = sessionStorage.getItem(STORED) || "";
let state = null;
let busy = false;

async function act(name, more = {}) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  try {
    show(await send(name, { rater, ...more }));
  } catch (error) {
    trouble(error.message);
    if (!state) begin();
  } finally {
    busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

function only(id) {
  for (const each of ["begin", "pair", "end"]) at(each).hidden = each !== id;
  at("choices").hidden = id !== "pair";
  at("who").hidden = at("bar").hidden = id === "begin";
}

function begin() {
  state = null;
  rater = "";
  sessionStorage.removeItem(STORED);
  at("count").textContent = "";
  only("begin");
  at("rater").value = "";
  at("rater").focus();
}

function show(next) {
  state = next;
  rater = next.rater;
  sessionStorage.setItem(STORED, rater);
  at("name").textContent = rater;
  at("bar").max = next.total;
  at("bar").value = next.done;
  document.querySelectorAll('[data-act="undo"]').forEach((button) => (button.disabled = !next.done));
  if (next.place === null) {
    end(next);
    return;
  }
  at("count").textContent = `${next.done + 1} of ${next.total}`;
  fill(at("prompt"), next.prompt);
  at("left").textContent = next.left;
  at("right").textContent = next.right;
  only("pair");
  for (const id of ["left", "right"]) at(id).scrollTop = 0;
  const last = at("prompt").lastElementChild;
  at("prompt").scrollTop = next.prompt.length > 1 ? last.offsetTop - at("prompt").offsetTop - 8 : 0;
  if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
}

function fill(place, turns) {
  place.replaceChildren(
    ...turns.map((turn) => {
      const box = document.createElement("div");
      box.className = "turn";
      if (turns.length > 1) {
        const role = document.createElement("span");
        role.className = "role";
        role.textContent = turn.role;
        box.append(role);
      }
      box.append(turn.content);
      return box;
    }),
  );
}

function end(next) {
  at("count").textContent = `${next.total} of ${next.total}`;
  at("thanks").textContent = next.finished ? `Thank you, ${rater}.` : "That was the last pair.";
  at("what").textContent = next.finished
    ? "Your votes are saved. You may close this page, or hand it to the next person."
    : "You can still take votes back. Say that you are done when they stand.";
  at("finish").hidden = next.finished;
  at("next").hidden = !next.finished;
  only("end");
}

function vote(choice) {
  if (state && state.place !== null) act("vote", { place: state.place, choice });
}

function scroll(key) {
  const height = at("left").clientHeight;
  const steps = { ArrowDown: 60, ArrowUp: -60, PageDown: height * 0.9, PageUp: -height * 0.9 };
  if (!(key in steps)) return false;
  for (const id of ["left", "right"]) at(id).scrollBy({ top: steps[key] });
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state) return;
  const inside = document.activeElement;
  const reading = inside && inside.classList.contains("text");
  if (state.place !== null && !reading && scroll(event.key)) event.preventDefault();
  if (event.repeat) return;
  if (event.key in KEYS) vote(KEYS[event.key]);
  else if (event.key === "u" || event.key === "U") {
    if (state.done) act("undo");
  } else if (event.key === "Enter" && state.place === null && !(inside instanceof HTMLButtonElement)) {
    if (!state.finished) act("finish");
  }
});

addEventListener("DOMContentLoaded", () => {
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    rater = at("rater").value;
    act("state");
  });
  document.querySelectorAll("[data-choice]").forEach((button) => {
    button.addEventListener("click", () => vote(button.dataset.choice));
  });
  document.querySelectorAll('[data-act="undo"]').forEach((button) => {
    button.addEventListener("click", () => act("undo"));
  });
  at("finish").addEventListener("click", () => act("finish"));
  at("other").addEventListener("click", begin);
  at("next").addEventListener("click", begin);
  if (rater) act("state");
  else begin();
});
