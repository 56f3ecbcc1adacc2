import { enterRoom, part } from "./page.js";
import { recall, remember } from "./session.js";

const name = part("name");
const chat = document.querySelector("tally-chat");

enterRoom();
name.value = recall("name") ?? "";
call();
name.addEventListener("change", () => {
  remember("name", name.value);
  call();
});

function call() {
  chat.setAttribute("name", name.value);
}
