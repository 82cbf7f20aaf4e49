// <dcgan-explorer>: the heart of the studio's Explore half, of an exported page and of the notebook's widget.
// It is given a host (a generator, perhaps a server) and a state; it tells each change of the state by `go`.
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";

import { shared } from "../style.ts";
import "./critic.ts";
import "./forgetting.ts";
import "./grid.ts";
import type { Host } from "./host.ts";
import "./layers.ts";
import "./picture.ts";
import "./plane.ts";
import { type Session, command, drag, dragged, over, save } from "./session.ts";
import { moved } from "./sliders.ts";
import "./sliders.ts";
import { type Kept, type State, type Tool, TOOLS, initial } from "./state.ts";
import "./steps.ts";
import "./sums.ts";

const NAMES: Record<Tool, string> = {
  grid: "Grid",
  plane: "Plane",
  sums: "Arithmetic",
  sliders: "Sliders",
  forget: "Forget",
  layers: "Layers",
  critic: "D's view",
  steps: "Algorithm 1",
};

@customElement("dcgan-explorer")
export class Explorer extends LitElement implements Session {
  @property({ attribute: false }) host!: Host;
  @property({ attribute: false }) state: State = initial();
  @state() private said = "";
  @state() private typed: string | null = null;

  get generator() {
    return this.host.generator;
  }

  get server() {
    return this.host.server;
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("state") && !changed.has("host")) return;
    for (const [name, words] of Object.entries(this.state.names)) {
      if (!this.generator.wrong(words)) {
        const z = this.generator.latent(this.generator.parse(words));
        const held = this.generator.names.get(name);
        if (!held || held.some((value, i) => value !== z[i])) this.generator.name(name, z);
      }
    }
    this.state = this.sane(this.state);
  }

  /** An address may name what this run does not know: that is left out, and the rest is shown. */
  private sane(state: State): State {
    const good = (words: string) => !this.generator.wrong(words);
    const { layers } = this.generator.about;
    const off = Object.entries(state.off).map(
      ([layer, maps]) => [layer, maps.filter((map) => map < (layers[Number(layer)]?.[0] ?? 0))] as const,
    );
    return {
      ...state,
      bench: state.bench.filter(({ words }) => good(words)),
      corners: state.corners.filter(good),
      trays: state.trays.map((tray) => ({ ...tray, points: tray.points.filter(good) })),
      base: good(state.base || "0") ? state.base : "",
      boxes: state.boxes.filter(({ words }) => good(words)),
      weights: Object.fromEntries(Object.entries(state.weights).filter(([name]) => good(`#${name}`))),
      off: Object.fromEntries(off.filter(([, maps]) => maps.length)),
    };
  }

  set(change: Partial<State>, replace = false): void {
    this.state = { ...this.state, ...change };
    this.dispatchEvent(new CustomEvent("go", { detail: { state: this.state, replace } }));
  }

  choose(words: string): void {
    this.typed = null;
    if (this.state.tool !== "sliders") return this.set({ point: words });
    this.set({ base: words, point: moved(words, this.state.weights, { session: this }) });
  }

  keep(words: string, name = ""): void {
    const there = this.state.bench.some((one) => one.words === words);
    if (!there) this.set({ bench: [...this.state.bench, { words, name }], point: words });
    else this.choose(words);
  }

  say(sentence: string): void {
    this.said = sentence;
  }

  private put(bench: Kept[]): void {
    this.set({ bench });
  }

  private onTab(event: KeyboardEvent): void {
    const at = TOOLS.indexOf(this.state.tool);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TOOLS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.set({ tool: TOOLS[(to + TOOLS.length) % TOOLS.length]! });
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>("[aria-selected=true]")?.focus());
  }

  override render() {
    const { state } = this;
    return html`
      <div class="frame">
        <div class="tabs" role="tablist" aria-label="Ways to explore" @keydown=${this.onTab}>
          ${TOOLS.map(
            (tool) =>
              html`<button
                class="bare"
                role="tab"
                id="tab-${tool}"
                aria-selected=${tool === state.tool}
                aria-controls="panel"
                tabindex=${tool === state.tool ? 0 : -1}
                @click=${() => this.set({ tool })}
              >
                ${NAMES[tool]}
              </button>`,
          )}
        </div>
        <section class="card panel" id="panel" role="tabpanel" aria-labelledby="tab-${state.tool}">
          ${this.tool()}
        </section>
        <aside aria-label="The chosen picture, and the bench">${this.chosen()} ${this.bench()}</aside>
      </div>
      <p class="unseen" role="status">${this.said}</p>
    `;
  }

  private tool() {
    const { state } = this;
    switch (state.tool) {
      case "grid":
        return html`<explore-grid .session=${this} .state=${state}></explore-grid>`;
      case "plane":
        return html`<explore-plane .session=${this} .state=${state}></explore-plane>`;
      case "sums":
        return html`<explore-sums .session=${this} .state=${state}></explore-sums>`;
      case "sliders":
        return html`<explore-sliders .session=${this} .state=${state}></explore-sliders>`;
      case "forget":
        return html`<explore-forget .session=${this} .state=${state}></explore-forget>`;
      case "layers":
        return html`<explore-layers .session=${this} .state=${state}></explore-layers>`;
      case "critic":
        return html`<explore-critic .session=${this} .state=${state}></explore-critic>`;
      case "steps":
        return html`<explore-steps .session=${this} .state=${state}></explore-steps>`;
    }
  }

  private chosen() {
    const { generator, state } = this;
    const words = this.typed ?? state.point;
    const wrong = generator.wrong(words);
    const off = Object.values(state.off).flat().length;
    return html`<section class="card chosen" aria-label="The chosen picture">
      <dcgan-picture
        id="chosen"
        .generator=${generator}
        words=${state.point}
        .off=${state.off}
        urgent
        draggable="true"
        @dragstart=${drag(state.point)}
        name="The chosen picture: ${state.point}"
      ></dcgan-picture>
      <div class="about">
        <label class="small quiet" for="words">The chosen picture, in words</label>
        <input
          id="words"
          class="mono"
          type="text"
          spellcheck="false"
          autocomplete="off"
          aria-invalid=${wrong !== ""}
          aria-describedby="wrong"
          .value=${words}
          @input=${(e: Event) => {
            const words = (e.target as HTMLInputElement).value;
            this.typed = words;
            if (!generator.wrong(words)) this.set({ point: words.trim() }, true);
          }}
          @change=${() => !wrong && (this.typed = null)}
        />
        <p id="wrong" class="small bad" role="status">${wrong}</p>
        <div class="row">
          <button class="first" @click=${() => this.keep(state.point)}>Keep</button>
          <button
            @click=${async () => save(this, await generator.picture(state.point, state.off), [state.point])}
            title="A PNG with its recipe inside"
          >
            Save
          </button>
          <button
            @click=${async () => {
              const words = command(this, [state.point]);
              // Only a page of this machine, or of https, may copy.
              await navigator.clipboard?.writeText(words);
              this.say(navigator.clipboard ? "Copied the command that draws it." : words);
            }}
            title="Copy the command that draws it: ${command(this, [state.point])}"
          >
            Command
          </button>
        </div>
        ${
          off
            ? html`<p class="tag warn">
                ${off} ${off === 1 ? "map is" : "maps are"} off
                <button class="bare small undo" @click=${() => this.set({ off: {} })}>switch all on</button>
              </p>`
            : nothing
        }
        ${this.said ? html`<p class="small quiet" aria-hidden="true">${this.said}</p>` : nothing}
      </div>
    </section>`;
  }

  private bench() {
    const { generator, state } = this;
    return html`<section
      class="card bench"
      aria-label="Bench"
      @dragover=${over}
      @drop=${(e: DragEvent) => {
        e.preventDefault();
        const words = dragged(e);
        if (words && !generator.wrong(words)) this.keep(words);
      }}
    >
      <div class="row spread">
        <h2>Bench</h2>
        ${state.bench.length ? html`<button class="bare small" @click=${() => this.put([])}>Clear</button>` : nothing}
      </div>
      ${
        state.bench.length
          ? html`<ul>
              ${state.bench.map(
                (one, i) =>
                  html`<li class=${one.words === state.point ? "on" : ""}>
                    <button
                      class="thumb"
                      aria-label="Choose ${one.name || one.words}"
                      title=${one.words}
                      draggable="true"
                      @dragstart=${drag(one.words)}
                      @click=${() => this.choose(one.words)}
                    >
                      <dcgan-picture
                        .generator=${generator}
                        words=${one.words}
                        .off=${state.off}
                        aria-hidden="true"
                      ></dcgan-picture>
                    </button>
                    <input
                      type="text"
                      class="small"
                      placeholder=${one.words}
                      aria-label="Name of ${one.words}"
                      .value=${one.name}
                      @change=${(e: Event) =>
                        this.put(
                          state.bench.map((other, j) =>
                            j === i ? { ...other, name: (e.target as HTMLInputElement).value } : other,
                          ),
                        )}
                    />
                    <button
                      class="out bare small"
                      aria-label="Take ${one.name || one.words} off the bench"
                      @click=${() => this.put(state.bench.filter((_, j) => j !== i))}
                    >
                      ✕
                    </button>
                  </li>`,
              )}
            </ul>`
          : html`<p class="small quiet">
              Pictures that you keep wait here. Drag them into trays and corners, or use the buttons there.
            </p>`
      }
    </section>`;
  }

  static override styles = [
    shared,
    css`
      .frame {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 19rem;
        grid-template-rows: auto 1fr;
        gap: 0.75rem var(--gap);
        align-items: start;
      }
      .tabs {
        grid-column: 1 / -1;
        display: flex;
        gap: 0.25rem;
        overflow-x: auto;
        scrollbar-width: none;
      }
      .tabs button {
        white-space: nowrap;
        border-radius: 999px;
        color: var(--quiet);
      }
      .tabs button[aria-selected="true"] {
        background: var(--accent-soft);
        color: var(--accent);
      }
      .tabs button:focus-visible {
        outline-offset: -2px;
      }
      aside {
        display: grid;
        gap: var(--gap);
        position: sticky;
        top: 4.25rem;
      }
      .panel {
        min-width: 0;
      }
      .chosen {
        display: grid;
        gap: 0.75rem;
      }
      .about {
        display: grid;
        gap: 0.4rem;
        min-width: 0;
      }
      .about input {
        width: 100%;
        min-width: 0;
      }
      .about .row button {
        padding: 0.3rem 0.6rem;
      }
      .bad {
        color: var(--bad);
      }
      .bad:empty {
        display: none;
      }
      .undo {
        min-height: 0;
        padding: 0 0.35rem;
        text-decoration: underline;
        color: inherit;
      }
      .bench {
        max-height: calc(100vh - 34rem);
        min-height: 11rem;
        overflow-y: auto;
      }
      .bench ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(4.9rem, 1fr));
        gap: 0.6rem;
        margin-top: 0.5rem;
      }
      .bench li {
        position: relative;
      }
      .thumb {
        display: block;
        width: 100%;
        padding: 0;
        border: 0;
        border-radius: 6px;
      }
      .on .thumb {
        outline: 3px solid var(--accent);
      }
      .bench input {
        width: 100%;
        min-height: 0;
        padding: 0.1rem 0.25rem;
        border-color: transparent;
        background: transparent;
        text-align: center;
        text-overflow: ellipsis;
      }
      .bench input:hover,
      .bench input:focus {
        border-color: var(--line-strong);
      }
      .bench .out {
        position: absolute;
        top: -6px;
        right: -6px;
        width: 1.5rem;
        height: 1.5rem;
        min-height: 0;
        padding: 0;
        border-radius: 50%;
        background: var(--card);
        border-color: var(--line);
        opacity: 0;
      }
      li:hover .out,
      .out:focus-visible {
        opacity: 1;
      }
      @media (max-width: 900px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
          grid-template-rows: none;
        }
        aside {
          display: contents;
        }
        .chosen {
          position: sticky;
          top: 3.25rem;
          z-index: 5;
          grid-row: 2;
          grid-template-columns: 6.5rem minmax(0, 1fr);
          padding: 0.5rem;
          align-items: start;
        }
        .chosen label {
          display: none;
        }
        .chosen .row {
          flex-wrap: nowrap;
          overflow-x: auto;
        }
        .chosen .row button {
          white-space: nowrap;
          padding: 0.3rem 0.5rem;
          font-size: var(--small);
        }
        .bench {
          grid-row: 3;
          max-height: none;
          min-height: 0;
        }
        .bench ul {
          display: flex;
          overflow-x: auto;
          padding: 6px 6px 2px;
        }
        .bench li {
          flex: 0 0 4.4rem;
        }
        .bench .out {
          opacity: 1;
        }
      }
    `,
  ];
}
