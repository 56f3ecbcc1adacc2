/** What all widgets look like; pages set the properties, or style the parts. */
const SHARED = `
:host {
  --_accent: var(--tally-accent, light-dark(#3b5bdb, #91a7ff));
  /* Black or white, whichever stands out from the accent. */
  --_on-accent: var(--tally-on-accent, oklch(from var(--_accent) clamp(0, (l / 0.623 - 1) * -infinity, 1) 0 0));
  --_surface: var(--tally-surface, light-dark(#fff, #1a1b1e));
  --_raised: var(--tally-raised, light-dark(#eef0f5, #2c2e33));
  --_text: var(--tally-text, light-dark(#1a1b1e, #f1f3f5));
  --_muted: var(--tally-muted, light-dark(#5c636a, #a6adb4));
  --_edge: color-mix(in oklab, var(--_text) 55%, var(--_surface));
  --_tint: color-mix(in oklab, var(--_accent) 22%, var(--_surface));
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
  padding: 0.35em 0.9em;
  min-block-size: 2.75rem;
  cursor: pointer;
}
@media (hover: hover) { button:hover { box-shadow: inset 0 0 0 1px var(--_edge); } }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
ul, ol { list-style: none; margin: 0; padding: 0; }
p { margin: 0; }
/* What has a direction of its own still begins where the widget's lines do. */
p[dir="auto"] { inline-size: fit-content; max-inline-size: 100%; }
[part="offline"], [part="error"] { font-size: 0.875em; padding-block-start: 0.4rem; }
[part="offline"] { color: var(--_muted); }
[part="error"] { color: var(--tally-error, light-dark(#c92a2a, #ff8787)); }
[part="offline"]:empty, [part="error"]:empty { display: none; }
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
