/** What all widgets look like; pages set the properties, or style the parts. */
const SHARED = `
:host {
  --_accent: var(--tally-accent, light-dark(#3b5bdb, #91a7ff));
  --_on-accent: var(--tally-on-accent, light-dark(#fff, #101113));
  --_surface: var(--tally-surface, light-dark(#fff, #1a1b1e));
  --_raised: var(--tally-raised, light-dark(#eef0f5, #2c2e33));
  --_text: var(--tally-text, light-dark(#1a1b1e, #f1f3f5));
  --_muted: var(--tally-muted, light-dark(#5c636a, #a6adb4));
  --_radius: var(--tally-radius, 0.6rem);
  display: block;
  box-sizing: border-box;
  color: var(--_text);
  background: var(--_surface);
  font: var(--tally-font, 1rem/1.45 system-ui, sans-serif);
  overflow-wrap: anywhere;
  color-scheme: inherit;
}
:host([hidden]) { display: none; }
*, *::before, *::after { box-sizing: border-box; }
button, input { font: inherit; color: inherit; border-radius: var(--_radius); }
button {
  border: 1px solid transparent;
  background: var(--_raised);
  padding: 0.35em 0.8em;
  min-height: 2.75rem;
  cursor: pointer;
}
button:disabled { cursor: not-allowed; opacity: 0.6; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
ul, ol { list-style: none; margin: 0; padding: 0; }
p { margin: 0; }
[part="offline"] { color: var(--_muted); font-size: 0.875em; padding-block: 0.25em; }
[part="offline"]:empty { display: none; }
[part="error"] { color: var(--tally-error, light-dark(#c92a2a, #ff8787)); font-size: 0.875em; }
[part="error"]:empty { display: none; }
.hidden {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
`;

const sheets = new Map<string, CSSStyleSheet>();

/** The style sheets of a widget, each made once for a page. */
export function sheetOf(css: string): CSSStyleSheet[] {
  return [SHARED, css].map((text) => {
    let sheet = sheets.get(text);
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      sheets.set(text, sheet);
    }
    return sheet;
  });
}
