// Every state of the page is its address: #/watch?runs=a,b&step=1000 or #/explore?run=a&...
// In the fragment, so that it works from a file too, where there is no server to ask for a path.

export type Half = "watch" | "explore";

export interface Place {
  half: Half;
  query: URLSearchParams;
}

export function read(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { half: path === "explore" ? "explore" : "watch", query: new URLSearchParams(query) };
}

export function write(half: Half, query: URLSearchParams): string {
  // Commas and the words of points stay readable: a fragment may hold them as they are.
  const words = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%3A", ":");
  return `#/${half}${words && `?${words}`}`;
}

export const here = (): Place => read(location.hash);

/** Go there. A step that one can go back from, unless `replace`: while a slider is dragged, say. */
export function go(half: Half, query: URLSearchParams, replace = false): void {
  const hash = write(half, query);
  if (hash === location.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", hash);
  window.dispatchEvent(new Event("placechange"));
}

/** Call this on every change of the address, also by the browser's own back and forward. Returns what ends it. */
export function onPlace(call: (place: Place) => void): () => void {
  const heard = () => call(here());
  const kinds = ["placechange", "popstate", "hashchange"];
  for (const kind of kinds) window.addEventListener(kind, heard);
  return () => {
    for (const kind of kinds) window.removeEventListener(kind, heard);
  };
}
