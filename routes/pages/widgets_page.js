import { part, query } from "./page.js";

const COPIED_MS = 2000;

const stage = part("stage");
const theme = part("theme");
const room = query.get("room") || "demo";
const widgets = [...stage.querySelectorAll(".demo > *")];

part("room").textContent = room;
part("script").textContent = `<script type="module" src="${location.origin}/widgets.js"></script>`;
if (query.get("room")) {
  for (const link of document.querySelectorAll("nav a")) {
    link.href = `${link.pathname}?${new URLSearchParams({ room })}`;
  }
}
for (const input of theme.elements.accent) {
  input.nextElementSibling.style.background = input.value;
}
for (const widget of widgets) {
  // Before the widgets' script is there, so that they never enter another room.
  widget.setAttribute("room", room);
  widget.closest(".widget").append(snippetOf(widget));
}
for (const button of document.querySelectorAll("[data-copies]")) {
  offer(button, part(button.dataset.copies));
}
theme.addEventListener("submit", (event) => event.preventDefault());
theme.addEventListener("change", applyTheme);
// The browser may have kept what was chosen before a reload.
applyTheme();

function applyTheme() {
  const { accent, scheme, rtl, name } = theme.elements;
  const rules = [
    accent.value && `--tally-accent: ${accent.value};`,
    scheme.value && `color-scheme: ${scheme.value};`,
  ].filter(Boolean);
  stage.style.cssText = rules.join(" ");
  for (const widget of widgets) {
    widget.parentElement.dir = rtl.checked ? "rtl" : "ltr";
    widget.setAttribute("name", name.value);
  }
  part("css").textContent = `:root {\n${rules.map((rule) => `  ${rule}\n`).join("")}}`;
  part("css-box").hidden = rules.length === 0;
}

/** The widget as it is to be pasted, with a button that copies it. */
function snippetOf(widget) {
  const box = document.createElement("div");
  const pre = document.createElement("pre");
  const code = document.createElement("code");
  const button = document.createElement("button");
  const heading = widget.closest(".widget").querySelector("h2").textContent;
  box.className = "snippet";
  pre.tabIndex = 0;
  pre.role = "region";
  pre.ariaLabel = `Code: ${heading}`;
  code.textContent = htmlOf(widget);
  button.type = "button";
  button.textContent = "Copy";
  offer(button, code);
  pre.append(code);
  box.append(pre, button);
  return box;
}

function htmlOf({ localName, attributes }) {
  const pairs = [...attributes].map(({ name, value }) =>
    value === "" ? name : `${name}="${value.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"`
  );
  return pairs.length > 2
    ? `<${localName}\n${pairs.map((pair) => `  ${pair}\n`).join("")}></${localName}>`
    : `<${[localName, ...pairs].join(" ")}></${localName}>`;
}

function offer(button, code) {
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => button.textContent = "Copy", COPIED_MS);
  });
}
