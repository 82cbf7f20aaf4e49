// The explorer to take along: one plain script, for an exported page (from a file, without any server) and for the
// notebook's widget. `dcganExplorer.open(element, about, model, wasm)`; bytes come deflated and in base64.
import { Generator, type About } from "../core/generator.ts";
import colours from "../theme.css?inline";
import { nextTheme, setTheme, theme } from "../theme.ts";
import "./explorer.ts";
import type { Explorer } from "./explorer.ts";
import { type State, read, write } from "./state.ts";

const WITHOUT = "it needs the studio, which has the run beside it (dcgan studio).";

/** base64 of gzip -> bytes. */
async function unpacked(base64: string): Promise<ArrayBuffer> {
  const packed = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** The theme's names for a whole page, or for one element of another's page. */
function style(within?: HTMLElement): void {
  const sheet = new CSSStyleSheet();
  within?.classList.add("dcgan-here");
  const here = colours.replace(/\bbody\b/g, ".dcgan-here").replaceAll(":root", ".dcgan-here");
  sheet.replaceSync(within ? here.replace("min-height:", "--unused:") : colours);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** In a page of its own: the state is the address's fragment. */
async function page(place: HTMLElement, about: About, model: string, wasm: string): Promise<void> {
  style();
  const explorer = await opened(place, about, model, wasm);
  const here = () => read(new URLSearchParams(location.hash.slice(1)));
  explorer.state = here();
  for (const kind of ["popstate", "hashchange"]) addEventListener(kind, () => (explorer.state = here()));
  explorer.addEventListener("go", (event) => {
    const { state, replace } = (event as CustomEvent<{ state: State; replace: boolean }>).detail;
    const hash = `#${write(state)}`;
    if (hash !== location.hash) history[replace ? "replaceState" : "pushState"](null, "", hash);
  });
}

/** In a page of another's: the state is the element's `state`, each change an event `go`. */
async function widget(place: HTMLElement, about: About, model: string, wasm: string): Promise<Explorer> {
  style(place);
  return opened(place, about, model, wasm);
}

async function opened(place: HTMLElement, about: About, model: string, wasm: string): Promise<Explorer> {
  const generator = await Generator.load(about, await unpacked(model), await unpacked(wasm));
  const explorer = document.createElement("dcgan-explorer") as Explorer;
  explorer.host = { generator, server: null, without: WITHOUT, addressed: true };
  place.replaceChildren(explorer);
  return explorer;
}

export const dcganExplorer = { page, widget, read, write, theme, nextTheme, setTheme };
(globalThis as Record<string, unknown>)["dcganExplorer"] = dcganExplorer;
