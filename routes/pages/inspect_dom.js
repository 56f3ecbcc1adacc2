/** How long changes are gathered before they are shown, in milliseconds. */
const GATHERED_MS = 50;

/** An element of a class, with texts and elements in it. Texts stay texts, whoever wrote them. */
export function element(tag, className = "", ...content) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...content.map((one) => one instanceof Node ? one : String(one)));
  return made;
}

/** A button that does something. */
export function button(label, act) {
  const made = element("button", "plain", label);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Calls `draw` soon after it is asked to, once for however many times. */
export function soon(draw) {
  let timer;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      draw();
    }, GATHERED_MS);
  };
}

/** Copies what an element shows; selects it where the browser does not let a page copy. */
export async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    getSelection().selectAllChildren(shown);
    return "Selected";
  }
}
