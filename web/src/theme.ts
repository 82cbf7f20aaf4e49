// Light, dark, or as the system has it; kept in this browser. theme.css holds both.

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];
const KEY = "dcgan-theme";

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(KEY) as Theme | null;
    return kept && ORDER.includes(kept) ? kept : "system";
  } catch {
    return "system"; // a browser may forbid storage
  }
}

export const nextTheme = (now: Theme): Theme => ORDER[(ORDER.indexOf(now) + 1) % ORDER.length] ?? "system";

export function setTheme(chosen: Theme): Theme {
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // then it lasts as long as the page
  }
  window.dispatchEvent(new Event("themechange"));
  return chosen;
}

/** Call this when colours change, by our button or the system's setting: canvases do not follow of themselves. */
export function onTheme(call: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  window.addEventListener("themechange", call);
  dark.addEventListener("change", call);
  return () => {
    window.removeEventListener("themechange", call);
    dark.removeEventListener("change", call);
  };
}
