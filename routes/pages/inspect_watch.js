import { element, soon } from "./inspect_dom.js";
import { part } from "./page.js";

/** How many of a kind are shown. */
const SHOWN = 200;

/**
 * One card that follows something in the room. What is watched is subscribed to once the
 * connection is there, and no more once that is no longer wanted.
 *
 * `topics` are what to subscribe to, with what `start()` resolves to; `receive(message)` returns
 * whether a message has changed something; `rows()` what to show, each row made by a function;
 * `count()` how many there are, where that may be more; `forget()` empties the card.
 */
export function watch(wire, id, { topics, receive, rows, forget, count, start }) {
  const card = part(id);
  const amount = element("span", "amount");
  const heading = element("h3", "", card.dataset.title);
  heading.id = `watch-${id}`;
  card.setAttribute("aria-labelledby", heading.id);
  const box = element("input");
  Object.assign(box, { type: "checkbox", checked: true, id: `watching-${id}` });
  const label = element("label", "", "Watch", element("span", "unseen", ` ${card.dataset.title}`));
  label.htmlFor = box.id;
  const list = element("ul", "rows");
  Object.assign(list, { tabIndex: 0 });
  list.setAttribute("aria-labelledby", heading.id);
  const fault = element("p", "answer");
  fault.dataset.kind = "error";
  const switched = element("span", "check", box, label);
  card.append(element("div", "heading", heading, amount, switched), fault, list);

  const draw = soon(() => {
    const all = rows();
    const known = count?.() ?? all.length;
    amount.textContent = known;
    list.replaceChildren(...all.slice(0, SHOWN).map((row) => row()));
    const more = known - Math.min(all.length, SHOWN);
    if (more > 0) list.append(element("li", "more", `and ${more} more`));
  });
  const ask = (type, topic, options = {}) =>
    wire.send(JSON.stringify({ type, data: topic, ...options, id: `watch ${topic}` }));
  let begun = 0;
  const begin = async () => {
    const turn = ++begun;
    card.ariaBusy = "true";
    forget();
    draw();
    fault.textContent = "";
    const options = await start?.().catch(({ message }) => {
      fault.textContent = message;
    });
    if (turn !== begun) return;
    card.ariaBusy = "false";
    if (!box.checked) return;
    for (const topic of topics) ask("subscribe", topic, options);
  };
  box.addEventListener("change", () => {
    card.classList.toggle("idle", !box.checked);
    if (wire.state !== "online") return;
    if (box.checked) begin();
    else for (const topic of topics) ask("unsubscribe", topic);
  });
  wire.on("state", () => {
    if (wire.state === "online" && box.checked) begin();
  });
  wire.on("message", (message) => {
    const { type, id: of, data } = message;
    if (type === "error" && topics.some((topic) => of === `watch ${topic}`)) {
      fault.textContent = `${data.code}: ${data.message}`;
    }
    if (box.checked && receive(message)) draw();
  });
  return draw;
}
