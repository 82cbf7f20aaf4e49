// The explorer to take along: one plain script, for an exported page (from a file, without any server) and for the
// notebook's widget. It leaves one name, `dcganExplorer`.
import { Generator, type About } from "../core/generator.ts";
import colours from "../theme.css?inline";
import { nextTheme, setTheme, theme } from "../theme.ts";
import { paced } from "./address.ts";
import "./explorer.ts";
import type { Explorer } from "./explorer.ts";
import { type State, read, write } from "./state.ts";

const WITHOUT = "it needs the studio, which has the run beside it (dcgan studio).";

type Packed = Parameters<typeof unpacked>[0];

/** gzip, in base64 where a page is text -> bytes. */
async function unpacked(packed: string | ArrayBufferView<ArrayBuffer>): Promise<ArrayBuffer> {
  if (typeof packed === "string") packed = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** The theme's names for a whole page, or for one element of another's page. */
function style(within?: HTMLElement): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  within?.classList.add("dcgan-here");
  const here = colours.replace(/\bbody\b/g, ".dcgan-here").replaceAll(":root", ".dcgan-here");
  sheet.replaceSync(within ? here.replace("min-height:", "--unused:") : colours);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return sheet;
}

/** In a page of its own: the state is the address's fragment. */
async function page(place: HTMLElement, about: About, model: string, wasm: string): Promise<void> {
  style();
  const explorer = await opened(place, about, model, wasm);
  const here = () => read(new URLSearchParams(location.hash.slice(1)));
  explorer.state = here();
  for (const kind of ["popstate", "hashchange"]) addEventListener(kind, () => (explorer.state = here()));
  const address = paced((state: State, replace) => {
    const hash = `#${write(state)}`;
    if (hash !== location.hash) history[replace ? "replaceState" : "pushState"](null, "", hash);
  });
  explorer.addEventListener("go", (event) => {
    const { state, replace } = (event as CustomEvent<{ state: State; replace: boolean }>).detail;
    address(state, replace);
  });
}

/** What anywidget hands over: traits of the Python object (dcgan/studio/widget.py). */
interface Traits {
  get(name: "about"): About;
  get(name: "generator" | "program"): DataView<ArrayBuffer>;
  get(name: "state"): string;
  set(name: "state", value: string): void;
  save_changes(): void;
  on(event: string, call: () => void): void;
  off(event: string, call: () => void): void;
}

/** In a notebook: the state is a trait, so that Python sees it and sets it. */
async function widget(place: HTMLElement, traits: Traits): Promise<() => void> {
  const sheet = style(place);
  const explorer = await opened(place, traits.get("about"), traits.get("generator"), traits.get("program"));
  let told = ""; // what both sides know: our own words come back to us
  const hear = () => {
    const said = traits.get("state");
    if (said === told) return;
    told = said;
    explorer.state = read(new URLSearchParams(said));
  };
  hear();
  traits.on("change:state", hear);
  let timer = 0;
  explorer.addEventListener("go", (event) => {
    told = String(write((event as CustomEvent<{ state: State }>).detail.state));
    clearTimeout(timer); // a hand may be on a slider
    timer = window.setTimeout(() => {
      traits.set("state", told);
      traits.save_changes();
    }, 100);
  });
  return () => {
    traits.off("change:state", hear);
    clearTimeout(timer);
    explorer.remove();
    explorer.host.generator.close();
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  };
}

async function opened(place: HTMLElement, about: About, model: Packed, wasm: Packed): Promise<Explorer> {
  const generator = await Generator.load(Promise.resolve(about), unpacked(model), unpacked(wasm));
  const explorer = document.createElement("dcgan-explorer") as Explorer;
  explorer.host = { generator, server: null, without: WITHOUT };
  place.replaceChildren(explorer);
  return explorer;
}

export const dcganExplorer = { page, widget, theme, nextTheme, setTheme };
(globalThis as Record<string, unknown>)["dcganExplorer"] = dcganExplorer;
