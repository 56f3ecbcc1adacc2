import { counted, enterRoom, notice, part } from "./page.js";

const SHOWN_MESSAGES = 500;
const NAME_LENGTH = 40;
/** How often typing is told of, and how long that holds. */
const TELL_MS = 2000;
const TYPING_MS = 3500;

const [form, name, text, messages, typing] = ["form", "name", "text", "messages", "typing"]
  .map(part);
const room = enterRoom();
let ownSuffix;
let waiting = 0;
let toldAt = 0;
/** Who is typing, by suffix: the name, and the timer that ends it. */
const typists = new Map();

room.subscribe("chat", { history: 50 });
room.subscribe("signal:typing");
room.onsubscribed = (topic, { complete }) => {
  if (topic !== "chat") return;
  const resumed = messages.getAttribute("aria-busy") === "false";
  messages.setAttribute("aria-busy", "false");
  if (resumed && !complete) notice("Some messages of the meantime are no longer kept.");
};
room.on("profile", ({ suffix, properties }) => {
  ownSuffix = suffix;
  if (name.value === "" && typeof properties.name === "string") name.value = properties.name;
});
room.on("chat", ({ user, message }) => {
  stopTyping(user.suffix);
  show(user, typeof message === "string" ? message : JSON.stringify(message));
});
room.on("signal", ({ event, user }) => {
  if (event !== "typing") return;
  stopTyping(user.suffix);
  const timer = setTimeout(() => stopTyping(user.suffix), TYPING_MS);
  typists.set(user.suffix, { name: nameOf(user), timer });
  showTyping();
});

name.addEventListener("change", () => ask("login", { name: name.value.trim() }));
text.addEventListener("input", () => {
  if (text.value === "" || Date.now() < toldAt + TELL_MS) return;
  toldAt = Date.now();
  room.send("signal", { event: "typing" });
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = text.value.trim();
  text.value = "";
  toldAt = 0;
  if (message !== "" && !await ask("chat", message)) text.value ||= message;
});

/** Whether the server has done it. */
async function ask(type, data) {
  waiting++;
  showWaiting();
  try {
    await room.ask(type, data);
    notice();
    return true;
  } catch (error) {
    notice(error.message);
    return false;
  } finally {
    waiting--;
    showWaiting();
  }
}

function show(user, message) {
  const author = element("strong", "author", nameOf(user));
  const item = element("li", user.suffix === ownSuffix ? "own" : "");
  item.append(author, ...user.suffix === ownSuffix ? [" (you)"] : []);
  item.append(element("p", "text", message));
  // Who has scrolled up is reading there.
  const { scrollHeight, scrollTop, clientHeight } = messages;
  const atEnd = scrollHeight - scrollTop - clientHeight < 40;
  messages.append(item);
  while (messages.childElementCount > SHOWN_MESSAGES) messages.firstElementChild.remove();
  if (atEnd || user.suffix === ownSuffix) messages.scrollTop = messages.scrollHeight;
}

function stopTyping(suffix) {
  clearTimeout(typists.get(suffix)?.timer);
  if (typists.delete(suffix)) showTyping();
}

function showTyping() {
  const names = [...typists.values()].map((typist) => typist.name);
  const who = names.length > 3 ? `${names.length} people` : names.join(", ");
  typing.textContent = names.length === 0
    ? ""
    : `${who} ${names.length === 1 ? "is" : "are"} typing…`;
}

function showWaiting() {
  const lasting = waiting > 0 && room.state !== "online";
  part("waiting").textContent = lasting ? `${counted(waiting, "change")} to send when online` : "";
}

/** `Ann #3`: names are anyone's to choose, the number is the session's own. */
function nameOf({ suffix, properties }) {
  const chosen = typeof properties.name === "string" ? properties.name.trim() : "";
  return `${chosen.slice(0, NAME_LENGTH) || "Guest"} #${suffix}`;
}

function element(tag, className, content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}
