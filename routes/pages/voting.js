import { counted, enterRoom, notice, part, query } from "./page.js";
import { recall, remember } from "./session.js";

/** A poll may have a thousand answers. */
const SHOWN_ANSWERS = 40;

const form = part("form");
const list = part("answers");
const { kind } = form.dataset;
const poll = query.get("poll") || part("poll").textContent;
part("poll").textContent = poll;

const room = enterRoom();
const given = (query.get("answers") ?? form.dataset.answers).split(",")
  .map((answer) => answer.trim()).filter((answer) => answer !== "");
const remembered = `vote in ${poll} of ${room.name}`;
/** A vote in a poll lasts; an ephemeral one has gone with the page that cast it. */
let own = kind === "poll" ? recall(remembered) : undefined;
let stats = {};
/** The rows, by answer, in the order in which they were first seen: they never change places. */
const rows = new Map();

room.subscribe(`${kind}:${poll}`);
room.on(kind, (data) => {
  if (data.id !== poll) return;
  stats = data.stats;
  render();
});
room.on("connection", () => {
  // The vote has gone with the lost connection, and this is still the same visitor.
  if (kind === "ephemeralPoll" && own !== undefined) vote(own);
});
form.addEventListener("change", ({ target }) => {
  if (target.name === "answer") vote(target.value);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = part("own");
  const answer = field.value.trim();
  if (answer !== "") vote(answer).then((done) => done && (field.value = ""));
});
render();

async function vote(answer) {
  const before = own;
  own = answer;
  try {
    await room.ask(kind, { id: poll, answer });
    if (kind === "poll") remember(remembered, answer);
    notice();
    return true;
  } catch (error) {
    if (own === answer) own = before;
    notice(error.message);
    return false;
  } finally {
    render();
  }
}

function render() {
  const voted = Object.keys(stats);
  const total = Object.values(stats).reduce((sum, count) => sum + count, 0);
  const shown = new Set([...given, ...own === undefined ? [] : [own], ...rows.keys()]);
  for (const answer of shown) {
    const kept = given.includes(answer) || answer === own || Object.hasOwn(stats, answer);
    if (!kept) shown.delete(answer);
  }
  for (const answer of voted) if (shown.size < SHOWN_ANSWERS) shown.add(answer);

  for (const [answer, { item }] of rows) {
    if (!shown.has(answer)) item.remove(), rows.delete(answer);
  }
  for (const answer of shown) {
    const row = rows.get(answer) ?? addRow(answer);
    const count = Object.hasOwn(stats, answer) ? stats[answer] : 0;
    const share = total === 0 ? 0 : count / total;
    row.bar.style.setProperty("--share-of-all", share);
    row.count.textContent = `${count} · ${Math.round(share * 100)} %`;
    row.input.checked = answer === own;
  }
  const hidden = voted.filter((answer) => !shown.has(answer)).length;
  const more = hidden === 0 ? "" : `, ${counted(hidden, "more answer")} not shown`;
  part("total").textContent = `${counted(total, "vote")}${more}`;
}

function addRow(answer) {
  const [item, label, input, name, count, bar] = ["li", "label", "input", "span", "span", "div"]
    .map((tag) => document.createElement(tag));
  Object.assign(input, { type: "radio", name: "answer", value: answer });
  name.className = "answer";
  name.textContent = answer;
  count.className = "count";
  bar.className = "bar";
  label.append(input, name, count, bar);
  item.append(label);
  list.append(item);
  const row = { item, input, count, bar };
  rows.set(answer, row);
  return row;
}
