const COPIED_MS = 2000;

/** Has a button copy an element's text; where that is not allowed, it selects it. */
export function offerCopy(button, element) {
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(element);
    try {
      await navigator.clipboard.writeText(element.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => button.textContent = "Copy", COPIED_MS);
  });
}
