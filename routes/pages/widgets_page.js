import { offerCopy } from "./copy.js";
import { enterRoom, part } from "./page.js";

const stage = part("stage");
const theme = part("theme");
const widgets = [...stage.querySelectorAll(".demo > *")];

enterRoom();
part("script").textContent = `<script type="module" src="${location.origin}/widgets.js"></script>`;
for (const input of theme.elements.accent) {
  input.nextElementSibling.style.background = input.value;
}
for (const widget of widgets) widget.closest(".widget").append(snippetOf(widget));
for (const button of document.querySelectorAll("[data-copies]")) {
  offerCopy(button, part(button.dataset.copies));
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
  offerCopy(button, code);
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
