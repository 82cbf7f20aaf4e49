// The explorer to take along: one plain script, for an exported page (from a file, without any server) and for the
// notebook's widget. `dcganExplorer.open(element, about, model, wasm)`; bytes come deflated and in base64.
import { Generator, type About } from "../core/generator.ts";
import { setTheme, nextTheme, theme } from "../theme.ts";
import "./explorer.ts";
import type { Explorer } from "./explorer.ts";
import { type State, read, write } from "./state.ts";

const WITHOUT = "it needs the studio, which has the run beside it (dcgan studio).";

/** base64 of gzip -> bytes. */
async function unpacked(base64: string): Promise<ArrayBuffer> {
  const packed = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** In a page of its own: the state is the address's fragment. */
async function page(place: HTMLElement, about: About, model: string, wasm: string): Promise<void> {
  const explorer = await widget(place, about, model, wasm);
  const here = () => read(new URLSearchParams(location.hash.slice(1)));
  explorer.state = here();
  for (const kind of ["popstate", "hashchange"]) addEventListener(kind, () => (explorer.state = here()));
  explorer.addEventListener("go", (event) => {
    const { state, replace } = (event as CustomEvent<{ state: State; replace: boolean }>).detail;
    const hash = `#${write(state)}`;
    if (hash !== location.hash) history[replace ? "replaceState" : "pushState"](null, "", hash);
  });
}

/** Anywhere: the state is the element's `state`, each change an event `go`. */
async function widget(place: HTMLElement, about: About, model: string, wasm: string): Promise<Explorer> {
  const generator = await Generator.load(about, await unpacked(model), await unpacked(wasm));
  const explorer = document.createElement("dcgan-explorer") as Explorer;
  explorer.host = { generator, server: null, without: WITHOUT, addressed: true };
  place.replaceChildren(explorer);
  return explorer;
}

export const dcganExplorer = { page, widget, read, write, theme, nextTheme, setTheme };
(globalThis as Record<string, unknown>)["dcganExplorer"] = dcganExplorer;
