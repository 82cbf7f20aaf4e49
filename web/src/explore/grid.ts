// An endless grid of seeds. Only the rows that are seen exist; a click keeps a picture on the bench.
import { css, html } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";

import { MAX_SEED } from "../core/latents.ts";
import { shared } from "../style.ts";
import "./picture.ts";
import { Panel, drag, seedWords } from "./session.ts";

const ROWS = 50_000; // as many as a browser scrolls through exactly; beyond, one goes to a seed
const GAP = 6;

@customElement("explore-grid")
export class Grid extends Panel {
  @state() private columns = 8;
  @state() private top = 0; // first row that is seen
  @state() private tall = 8; // rows that are seen
  @state() private label: number | null = null;
  @query(".scroll") private pane!: HTMLElement;
  private side = 80;
  private watch = new ResizeObserver(() => this.measure());
  private focused: number | null = null;

  override firstUpdated(): void {
    this.watch.observe(this.pane);
    this.measure();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.watch.disconnect();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.watch.observe(this.pane);
  }

  private measure(): void {
    const width = this.pane.clientWidth;
    if (!width) return;
    const wanted = width < 500 ? 72 : 92;
    this.columns = Math.max(3, Math.floor((width + GAP) / (wanted + GAP)));
    const [height, across] = this.generator.about.size;
    this.side = (((width + GAP) / this.columns - GAP) * height) / across + GAP;
    this.look();
    this.requestUpdate();
  }

  private look(): void {
    this.top = Math.max(0, Math.floor(this.pane.scrollTop / this.side));
    this.tall = Math.ceil(this.pane.clientHeight / this.side) + 1;
  }

  private go(seed: number): void {
    this.pane.scrollTop = 0;
    this.session.set({ from: Math.max(0, Math.min(MAX_SEED - 1e6, Math.floor(seed) || 0)) });
  }

  private async onKey(event: KeyboardEvent): Promise<void> {
    const from = this.focused;
    const page = this.columns * Math.max(1, this.tall - 2);
    const move = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      PageUp: -page,
      PageDown: page,
    }[event.key];
    if (from === null || move === undefined) return;
    event.preventDefault();
    const to = from + move;
    if (to < this.state.from || to >= this.state.from + ROWS * this.columns) return;
    this.focused = to;
    const row = Math.floor((to - this.state.from) / this.columns);
    const [first, last] = [row * this.side, (row + 1) * this.side];
    if (first < this.pane.scrollTop) this.pane.scrollTop = first;
    if (last > this.pane.scrollTop + this.pane.clientHeight) this.pane.scrollTop = last - this.pane.clientHeight;
    this.look();
    this.requestUpdate();
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(`[data-seed="${to}"]`)?.focus();
  }

  override render() {
    const { generator, state, columns } = this;
    const first = state.from + this.top * columns;
    const seeds = Array.from({ length: this.tall * columns }, (_, i) => first + i);
    const tabbed = this.focused !== null && seeds.includes(this.focused) ? this.focused : first;
    const on = new Set(state.bench.map(({ words }) => words));
    const { classes, class_names } = generator.about;
    return html`
      <div class="row spread bar">
        <p class="quiet">Every seed is a picture. Choose one to keep it on the bench.</p>
        <div class="row">
          ${
            classes
              ? html`<label class="row small"
                  >Class
                  <select
                    @change=${(e: Event) => (this.label = ((v) => (v === "" ? null : Number(v)))((e.target as HTMLSelectElement).value))}
                  >
                    <option value="">all in turn</option>
                    ${Array.from({ length: classes }, (_, i) => html`<option value=${i}>${class_names?.[i] ?? i}</option>`)}
                  </select></label
                >`
              : ""
          }
          <label class="row small"
            >From seed
            <input
              type="number"
              min="0"
              step="1"
              .value=${String(state.from)}
              @change=${(e: Event) => this.go(Number((e.target as HTMLInputElement).value))}
          /></label>
          <button @click=${() => this.go(Math.floor(Math.random() * 2 ** 31))}>Anywhere</button>
        </div>
      </div>
      <div class="scroll" tabindex="-1" @scroll=${() => this.look()} @keydown=${(e: KeyboardEvent) => this.onKey(e)}>
        <div class="all" .style=${`height: ${ROWS * this.side}px`}>
          <div
            class="rows"
            role="group"
            aria-label="Pictures of seeds, from ${first.toLocaleString("en")} on; arrow keys move"
            .style=${`transform: translateY(${this.top * this.side}px); grid-template-columns: repeat(${columns}, 1fr)`}
          >
            ${repeat(
              seeds,
              (seed) => seed,
              (seed) => {
                const words = seedWords(seed, this.label);
                return html`<button
                  class="tile"
                  data-seed=${seed}
                  tabindex=${seed === tabbed ? 0 : -1}
                  aria-pressed=${on.has(words)}
                  aria-label="Seed ${seed}"
                  title="Seed ${seed}"
                  draggable="true"
                  @dragstart=${drag(words)}
                  @focus=${() => (this.focused = seed)}
                  @click=${() => this.session.keep(words)}
                >
                  <dcgan-picture
                    .generator=${generator}
                    words=${words}
                    .off=${state.off}
                    aria-hidden="true"
                  ></dcgan-picture>
                  <span class="seed" aria-hidden="true">${seed}</span>
                </button>`;
              },
            )}
          </div>
        </div>
      </div>
    `;
  }

  static override styles = [
    shared,
    css`
      .bar {
        margin-bottom: 0.75rem;
      }
      input[type="number"] {
        width: 9rem;
      }
      .scroll {
        height: max(24rem, calc(100vh - 17rem));
        overflow-y: scroll;
        overscroll-behavior: contain;
        border-radius: 8px;
        contain: strict;
      }
      .all {
        position: relative;
      }
      .rows {
        position: absolute;
        inset: 0 0 auto;
        display: grid;
        gap: 6px;
      }
      .tile {
        position: relative;
        display: block;
        padding: 0;
        min-height: 0;
        border: 0;
        border-radius: 6px;
        overflow: hidden;
        background: var(--sunken);
      }
      .tile:hover,
      .tile:focus-visible {
        outline: 3px solid var(--accent);
        outline-offset: -3px;
      }
      .tile[aria-pressed="true"] {
        outline: 3px solid var(--accent);
        outline-offset: -3px;
      }
      .seed {
        position: absolute;
        inset: auto 0 0;
        font: 500 11px/1.4 var(--mono);
        color: #fff;
        background: linear-gradient(transparent, rgb(0 0 0 / 70%));
        opacity: 0;
      }
      .tile:hover .seed,
      .tile:focus-visible .seed {
        opacity: 1;
      }
      @media (max-width: 800px) {
        .scroll {
          height: 70vh;
        }
      }
    `,
  ];
}
