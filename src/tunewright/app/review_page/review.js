"use strict";

// The page asks the server for the next row and sends decisions; the server alone remembers anything.
const VERDICTS = { a: "accept", r: "reject", s: "skip" };
const STORED = "tunewright reviewer";
const DRAFT = "tunewright draft";

let rater = decodeURIComponent(location.hash.slice(1)) || sessionStorage.getItem(STORED) || "";
let state = null;
let busy = false;
let rating = null;
let editing = false;

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
  for (const each of ["begin", "row", "end"]) at(each).hidden = each !== id;
  at("choices").hidden = id !== "row";
  at("who").hidden = at("bar").hidden = id === "begin";
}

function begin() {
  state = null;
  rater = "";
  sessionStorage.removeItem(STORED);
  history.replaceState(null, "", location.pathname);
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
  if (next.row === null) {
    end(next);
    return;
  }
  at("count").textContent = `${(next.done + 1).toLocaleString("en")} of ${next.total.toLocaleString("en")}`;
  fill(next);
  only("row");
  at("answer").scrollTop = 0;
  const last = at("prompt").lastElementChild;
  at("prompt").scrollTop = next.prompt.length > 1 ? last.offsetTop - at("prompt").offsetTop - 8 : 0;
  if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
}

function fill(next) {
  at("prompt").replaceChildren(...next.prompt.map((turn) => box(turn, next.prompt.length > 1)));
  at("prompt").parentElement.hidden = !next.prompt.length;
  at("answer-title").textContent = next.prompt.length ? answerTitle(next) : "Text";
  if (next.changes.length) {
    const mark = element("span", "mark", `changed before: ${[...new Set(next.changes)].join(", ")}`);
    at("answer-title").append(mark);
  }
  at("answer").textContent = next.answer;
  at("answer").append(...next.calls.map((call) => element("span", "call", call)));
  at("answer-cut").textContent = next.answer_cut ? cut(next.answer_cut) + " An answer this long is not edited here." : "";
  at("answer-cut").hidden = !next.answer_cut;
  at("edit-button").disabled = Boolean(next.answer_cut);
  at("rejected").replaceChildren(...next.rejected.map((turn) => box(turn, next.rejected.length > 1)));
  at("rejected-pane").hidden = !next.rejected.length;
  at("row").className = next.rejected.length ? "pair" : "";
  rate(next.before ? next.before.rating : null);
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) || "null");
  const own = draft && draft.row === next.row && draft.rater === rater ? draft.text : null;
  edit(own ?? (next.before ? next.before.answer : null), { focus: false });
}

function answerTitle(next) {
  if (next.rejected.length) return "The answer that won";
  return next.label ? "Answer, which is its label" : "Answer";
}

function element(kind, name, text) {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

function box(turn, named) {
  const made = element("div", "turn", "");
  made.dir = "auto";
  if (named) made.append(element("span", "role", turn.role));
  made.append(turn.content);
  if (turn.cut) made.append(element("span", "cut", cut(turn.cut)));
  return made;
}

function cut(letters) {
  return `✂ ${letters.toLocaleString("en")} more letters are not shown.`;
}

function rate(value) {
  rating = value;
  document.querySelectorAll("[data-rating]").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.rating) === rating));
  });
}

// `text` null: not editing.
function edit(text, { focus = true } = {}) {
  editing = text !== null;
  at("edit").hidden = at("hint").hidden = !editing;
  at("answer").hidden = editing;
  at("edit").value = editing ? text : "";
  at("edit-button").querySelector("span").textContent = editing ? "Do not edit" : "Edit";
  at("accept").querySelector("span").textContent = editing ? "Accept as edited" : "Accept";
  if (editing && focus) at("edit").focus();
  else at("edit").blur();
}

function leave() {
  sessionStorage.removeItem(DRAFT);
  edit(null);
}

function decide(verdict) {
  if (!state || state.row === null || busy) return;
  const answer = editing && verdict === "accept" ? at("edit").value : null;
  if (answer !== null && !answer.trim()) {
    trouble("An answer cannot be empty. Reject the row instead.");
    return;
  }
  sessionStorage.removeItem(DRAFT);
  act("decide", { row: state.row, verdict, rating: verdict === "skip" ? null : rating, answer });
}

function end(next) {
  at("count").textContent = `${next.total.toLocaleString("en")} of ${next.total.toLocaleString("en")}`;
  at("thanks").textContent = next.finished ? `Thank you, ${rater}.` : "That was the last row.";
  at("what").textContent = next.finished
    ? "Your decisions are saved. You may close this page, or hand it to the next person."
    : "You can still take decisions back. Say that you are done when they stand.";
  at("finish").hidden = next.finished;
  at("next").hidden = !next.finished;
  at("figures").replaceChildren(...(next.finished ? figures(next.summary) : []));
  only("end");
}

function figures(found) {
  const number = (value) => (value === null ? "not known yet" : value.toFixed(2));
  const lines = [
    ["Rows with a decision", found.rows.toLocaleString("en")],
    ["Average rating", found.rating === null ? "no ratings" : `${found.rating.toFixed(2)} of 5`],
  ];
  if (found.raters > 1) {
    lines.push(["Rows that two or more decided about", found.shared.toLocaleString("en")]);
    lines.push(["Agreement of ratings (Krippendorff's alpha)", number(found.alpha)]);
    lines.push(["Agreement of accept and reject (alpha)", number(found.verdict_alpha)]);
  }
  return lines.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]);
}

function scroll(key) {
  const height = at("answer").clientHeight;
  const steps = { ArrowDown: 60, ArrowUp: -60, PageDown: height * 0.9, PageUp: -height * 0.9 };
  if (!(key in steps)) return false;
  for (const id of ["answer", "rejected"]) at(id).scrollBy({ top: steps[key] });
  return true;
}

function inText(event) {
  if (event.key === "Escape") leave();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) decide("accept");
  else return;
  event.preventDefault();
}

function pressed(event) {
  const inside = document.activeElement;
  if (inside === at("edit")) {
    inText(event);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !state) return;
  if (state.row !== null && !inside.classList.contains("text") && scroll(event.key)) event.preventDefault();
  if (event.repeat) return;
  const key = event.key.toLowerCase();
  if (key === "u") {
    if (state.done) act("undo");
  } else if (state.row === null) {
    if (event.key === "Enter" && !(inside instanceof HTMLButtonElement) && !state.finished) act("finish");
  } else if (key in VERDICTS) decide(VERDICTS[key]);
  else if (/^[1-5]$/.test(key)) rate(rating === Number(key) ? null : Number(key));
  else if (key === "e" && !at("edit-button").disabled) {
    event.preventDefault();
    edit(editing ? at("edit").value : state.answer);
  } else if (key === "escape" && editing) leave();
}

addEventListener("keydown", pressed);
addEventListener("DOMContentLoaded", () => {
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    rater = at("rater").value;
    act("state");
  });
  document.querySelectorAll("[data-verdict]").forEach((button) => {
    button.addEventListener("click", () => decide(button.dataset.verdict));
  });
  document.querySelectorAll("[data-rating]").forEach((button) => {
    button.addEventListener("click", () => rate(rating === Number(button.dataset.rating) ? null : Number(button.dataset.rating)));
  });
  document.querySelectorAll('[data-act="undo"]').forEach((button) => {
    button.addEventListener("click", () => act("undo"));
  });
  at("edit").addEventListener("input", () => {
    sessionStorage.setItem(DRAFT, JSON.stringify({ rater, row: state.row, text: at("edit").value }));
  });
  at("edit-button").addEventListener("click", () => (editing ? leave() : edit(state.answer)));
  at("finish").addEventListener("click", () => act("finish"));
  at("other").addEventListener("click", begin);
  at("next").addEventListener("click", begin);
  if (rater) act("state");
  else begin();
});
