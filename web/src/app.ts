// The page's frame: its name, the two halves as tabs of one address, the theme. Each half is loaded when it is opened.
import { LitElement, css, html } from "lit";
import { customElement, state } from "lit/decorators.js";

import { type Half, type Place, go, here, onPlace } from "./route.ts";
import { shared } from "./style.ts";
import { type Theme, nextTheme, setTheme, theme } from "./theme.ts";

const HALVES: Record<Half, { name: string; load: () => Promise<unknown> }> = {
  watch: { name: "Watch", load: () => import("./watch/watch.ts") },
  explore: { name: "Explore", load: () => import("./explore/explore.ts") },
};

@customElement("dcgan-studio")
export class Studio extends LitElement {
  @state() private place: Place = here();
  @state() private theme: Theme = theme();
  @state() private failed = "";
  /** Where each half was left, to come back to. */
  private left: Partial<Record<Half, URLSearchParams>> = {};
  private stop?: () => void;

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = onPlace((place) => this.arrive(place));
    this.arrive(this.place);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop?.();
  }

  private arrive(place: Place): void {
    this.place = place;
    this.left[place.half] = place.query;
    document.title = `${HALVES[place.half].name} · dcgan studio`;
    HALVES[place.half].load().catch(() => {
      this.failed = "This part of the page could not be loaded. Is the studio still running? Reload to try again.";
    });
  }

  /** The address of a half: as it was left, or on the run that is looked at now. */
  private toward(half: Half): URLSearchParams {
    if (this.left[half]) return this.left[half];
    const run = this.place.query.get("run") ?? this.place.query.get("runs")?.split(",")[0];
    return new URLSearchParams(run ? { [half === "explore" ? "run" : "runs"]: run } : {});
  }

  override render() {
    const { half, query } = this.place;
    return html`
      <header>
        <a class="name" href="#/watch"><span class="mark" aria-hidden="true"></span>dcgan <span>studio</span></a>
        <nav aria-label="Halves of the studio">
          ${(Object.keys(HALVES) as Half[]).map(
            (one) => html`<button
              class="bare"
              aria-current=${one === half ? "page" : "false"}
              @click=${() => go(one, this.toward(one))}
            >
              ${HALVES[one].name}
            </button>`,
          )}
        </nav>
        <button
          class="bare theme"
          aria-label="Theme: ${this.theme}. Change it."
          title="Theme: ${this.theme}"
          @click=${() => (this.theme = setTheme(nextTheme(this.theme)))}
        >
          <span aria-hidden="true">${{ system: "◐", light: "☀", dark: "☾" }[this.theme]}</span>
        </button>
      </header>
      <main>
        ${this.failed
          ? html`<p class="said bad" role="alert">${this.failed}</p>`
          : half === "watch"
            ? html`<dcgan-watch .query=${query}></dcgan-watch>`
            : html`<dcgan-explore .query=${query}></dcgan-explore>`}
      </main>
    `;
  }

  static override styles = [
    shared,
    css`
      header {
        position: sticky;
        top: 0;
        z-index: 10;
        display: flex;
        align-items: center;
        gap: 1.25rem;
        padding: 0 max(var(--gap), calc((100vw - 1440px) / 2));
        min-height: 3.25rem;
        background: var(--card);
        border-bottom: 1px solid var(--line);
      }
      .name {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        font-weight: 700;
        color: var(--text);
        text-decoration: none;
        white-space: nowrap;
      }
      .name span {
        font-weight: 450;
      }
      .mark {
        width: 1.25rem;
        height: 1.25rem;
        border-radius: 4px;
        background: conic-gradient(
          var(--accent) 25%,
          color-mix(in srgb, var(--accent) 25%, transparent) 25% 50%,
          color-mix(in srgb, var(--accent) 50%, transparent) 50% 75%,
          color-mix(in srgb, var(--accent) 75%, transparent) 75%
        );
      }
      nav {
        display: flex;
        align-self: stretch;
        gap: 0.25rem;
        flex: 1;
      }
      nav button {
        border-radius: 0;
        border-width: 0 0 2px;
        border-color: transparent;
        min-height: 100%;
        color: var(--quiet);
      }
      nav button[aria-current="page"] {
        color: var(--text);
        border-color: var(--accent);
      }
      nav button:focus-visible {
        outline-offset: -4px;
      }
      .theme {
        font-size: 1.1rem;
        padding: 0.3rem 0.6rem;
      }
      main {
        padding: var(--gap) max(var(--gap), calc((100vw - 1440px) / 2)) 3rem;
      }
      @media (max-width: 420px) {
        header {
          gap: 0.5rem;
        }
        .name span:last-child {
          display: none;
        }
      }
    `,
  ];
}

setTheme(theme());
