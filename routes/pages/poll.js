import { enterRoom, part, query } from "./page.js";

const poll = part("poll");
const own = part("own");

enterRoom();
if (query.get("poll")) {
  poll.setAttribute("poll", query.get("poll"));
  poll.setAttribute("label", query.get("poll"));
}
if (query.has("answers")) poll.setAttribute("answers", query.get("answers"));

part("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = own.value.trim();
  if (answer === "") return;
  await customElements.whenDefined(poll.localName);
  if (!buttonOf(answer)) {
    poll.setAttribute("answers", `${poll.getAttribute("answers")},${answer}`);
    // The widget builds itself anew as soon as this has run.
    await Promise.resolve();
  }
  buttonOf(answer).click();
  own.value = "";
});

function buttonOf(answer) {
  return [...poll.shadowRoot.querySelectorAll("[part=vote]")]
    .find((button) => button.querySelector("[part=answer]").textContent === answer);
}
