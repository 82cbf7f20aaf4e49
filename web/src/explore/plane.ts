// A plane between up to four pictures: drag the point, and the picture follows. And walks from picture to picture.
import { css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";

import { download, webp } from "../core/files.ts";
import { format } from "../core/latents.ts";
import { between, walk, weights } from "../core/mixing.ts";
import { shared } from "../style.ts";
import "./picture.ts";
import { Panel, drag, dragged, fullWords, over, seedWords } from "./session.ts";

const PLACES: [number, number][][] = [
  [],
  [[0.5, 0.5]],
  [
    [0, 0.5],
    [1, 0.5],
  ],
  [
    [0, 0],
    [1, 0],
    [0.5, 1],
  ],
  [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ],
];
const GRAIN = 6; // pictures along a side of the ground
const FRAMES = 24; // of a walk, from one picture to the next
const MILLISECONDS = 60;

@customElement("explore-plane")
export class Plane extends Panel {
  @state() private playing = false;
  @state() private recording = false;
  @state() private frame = 0;
  @query(".pad") private pad!: HTMLElement;
  private timer = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  /** The corners: those chosen, or the bench's first, or some seeds to begin with. */
  private get corners(): string[] {
    if (this.state.corners.length) return this.state.corners;
    const bench = this.state.bench.map(({ words }) => words).slice(0, 4);
    return bench.length > 1 ? bench : [0, 1, 2, 3].map((seed) => seedWords(seed));
  }

  private wordsAt(x: number, y: number): string {
    const corners = this.corners;
    const points = corners.map((words) => this.generator.parse(words));
    return format(between(points, weights(corners.length, x, y), this.generator.about.z));
  }

  private moveTo(x: number, y: number, replace: boolean): void {
    const at: [number, number] = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    this.session.set({ at, point: this.wordsAt(...at), corners: this.corners }, replace);
  }

  private onPointer(event: PointerEvent): void {
    if (event.type === "pointerdown") {
      this.pad.setPointerCapture(event.pointerId);
      this.pad.focus();
    } else if (!this.pad.hasPointerCapture(event.pointerId)) return;
    const box = this.pad.getBoundingClientRect();
    this.moveTo(
      (event.clientX - box.left) / box.width,
      (event.clientY - box.top) / box.height,
      event.type !== "pointerdown",
    );
  }

  private onKey(event: KeyboardEvent): void {
    const step = event.shiftKey ? 0.1 : 0.02;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!move) return;
    event.preventDefault();
    this.moveTo(this.state.at[0] + move[0]!, this.state.at[1] + move[1]!, true);
  }

  private setCorner(i: number, words: string): void {
    if (!words || this.generator.wrong(words)) return;
    const corners = [...this.corners];
    corners[i] = words;
    this.session.set({ corners });
  }

  /** All of a walk's points in words: round the bench, or round the corners, and back to the first. */
  private get way(): string[] {
    const { about, saved } = this.generator;
    const bench = this.state.bench.map(({ words }) => words);
    const stops = (bench.length > 1 ? bench : this.corners).map((words) => this.generator.parse(words));
    return stops.flatMap((stop, i) =>
      walk(stop, stops[(i + 1) % stops.length]!, FRAMES, about.z, about.z_dim, saved).map(format),
    );
  }

  private play(): void {
    if (this.playing) return this.stop();
    const way = this.way;
    this.playing = true;
    let due = performance.now();
    const next = (now: number) => {
      if (now >= due) {
        due = Math.max(due + MILLISECONDS, now);
        this.frame = (this.frame + 1) % way.length;
        this.session.set({ point: way[this.frame]! }, true);
      }
      this.timer = requestAnimationFrame(next);
    };
    this.timer = requestAnimationFrame(next);
  }

  private stop(): void {
    cancelAnimationFrame(this.timer);
    this.playing = false;
  }

  private async record(): Promise<void> {
    this.stop();
    this.recording = true;
    try {
      const frames = [];
      for (const words of this.way) frames.push(await this.generator.picture(words, this.state.off));
      const zoom = Math.max(1, Math.round(256 / Math.max(...this.generator.about.size)));
      download(await webp(frames, MILLISECONDS, zoom), "walk.webp");
      this.session.say(`Saved walk.webp: ${frames.length} frames.`);
    } catch (error) {
      this.session.say(`The walk could not be recorded: ${error instanceof Error ? error.message : error}.`);
    } finally {
      this.recording = false;
    }
  }

  override render() {
    const { generator, state, corners } = this;
    const places = PLACES[corners.length]!;
    const ground = Array.from({ length: GRAIN * GRAIN }, (_, i) =>
      this.wordsAt((i % GRAIN) / (GRAIN - 1), Math.floor(i / GRAIN) / (GRAIN - 1)),
    );
    const stops = state.bench.length > 1 ? "the bench's pictures" : "the corners";
    return html`
      <p class="quiet">Drag the point between the pictures, or move it with the arrow keys.</p>
      <div class="wide">
        <div class="field">
          <div
            class="pad"
            tabindex="0"
            role="application"
            aria-roledescription="plane of pictures"
            aria-label="Plane between ${corners.length} pictures; arrow keys move the point. Now at ${Math.round(
              state.at[0] * 100,
            )} % across, ${Math.round(state.at[1] * 100)} % down."
            .style=${this.ratio}
            @pointerdown=${this.onPointer}
            @pointermove=${this.onPointer}
            @keydown=${this.onKey}
          >
            <div class="ground" aria-hidden="true">
              ${ground.map(
                (words) =>
                  html`<dcgan-picture .generator=${generator} words=${words} .off=${state.off}></dcgan-picture>`,
              )}
            </div>
            <div class="knob" .style=${`left: ${state.at[0] * 100}%; top: ${state.at[1] * 100}%`}></div>
            ${places.map(
              ([x, y], i) =>
                html`<span class="mark" .style=${`left: ${x * 100}%; top: ${y * 100}%`} aria-hidden="true"
                  >${"ABCD"[i]}</span
                >`,
            )}
          </div>
        </div>
        <div class="side">
          <div class="row">
            <button class="first" @click=${() => this.session.keep(state.point)}>Keep it</button>
            <button @click=${() => this.play()} aria-pressed=${this.playing}>
              ${this.playing ? "Pause" : "Play a walk"}
            </button>
            <button ?disabled=${this.recording} @click=${() => this.record()}>
              ${this.recording ? "Recording …" : "Record as WebP"}
            </button>
          </div>
          <p class="small quiet">A walk goes round ${stops}, and back to the first.</p>
          <h3>Corners</h3>
          <ul class="corners">
            ${corners.map(
              (words, i) =>
                html`<li
                  class="corner"
                  @dragover=${over}
                  @drop=${(e: DragEvent) => {
                    e.preventDefault();
                    this.setCorner(i, dragged(e));
                  }}
                >
                  <dcgan-picture
                    .generator=${generator}
                    words=${words}
                    .off=${state.off}
                    draggable="true"
                    @dragstart=${drag(words)}
                    name="Corner ${"ABCD"[i]}: ${words}"
                  ></dcgan-picture>
                  <div class="row">
                    <strong>${"ABCD"[i]}</strong>
                    <button
                      class="bare small"
                      title="Put the chosen picture here"
                      aria-label="Set corner ${"ABCD"[i]} to the chosen picture"
                      @click=${() => this.setCorner(i, fullWords(this.session, state.point))}
                    >
                      Set
                    </button>
                    ${
                      corners.length > 1
                        ? html`<button
                            class="bare small"
                            aria-label="Take corner ${"ABCD"[i]} away"
                            @click=${() => this.session.set({ corners: corners.filter((_, j) => j !== i) })}
                          >
                            ✕
                          </button>`
                        : nothing
                    }
                  </div>
                </li>`,
            )}
            ${
              corners.length < 4
                ? html`<li>
                    <button
                      class="add"
                      @dragover=${over}
                      @drop=${(e: DragEvent) => {
                        e.preventDefault();
                        this.setCorner(corners.length, dragged(e));
                      }}
                      @click=${() => this.setCorner(corners.length, state.point)}
                    >
                      + the chosen picture
                    </button>
                  </li>`
                : nothing
            }
          </ul>
        </div>
      </div>
    `;
  }

  static override styles = [
    shared,
    css`
      .wide {
        display: grid;
        grid-template-columns: minmax(0, 32rem) minmax(12rem, 1fr);
        gap: 1.5rem;
        margin-top: 0.75rem;
        align-items: start;
      }
      .field {
        padding: 12px;
      }
      .pad {
        position: relative;
        width: 100%;
        touch-action: none;
        cursor: crosshair;
        user-select: none;
        border-radius: 8px;
      }
      .ground {
        position: absolute;
        inset: 0;
        display: grid;
        grid-template-columns: repeat(6, 1fr);
        opacity: 0.75;
        border-radius: 8px;
        overflow: hidden;
      }
      .ground dcgan-picture {
        border-radius: 0;
      }
      .knob {
        position: absolute;
        width: 24px;
        height: 24px;
        margin: -12px;
        border-radius: 50%;
        border: 3px solid #fff;
        background: var(--accent);
        box-shadow:
          0 0 0 1.5px rgb(0 0 0 / 60%),
          0 2px 8px rgb(0 0 0 / 40%);
        pointer-events: none;
      }
      .mark {
        position: absolute;
        width: 22px;
        height: 22px;
        margin: -11px;
        display: grid;
        place-items: center;
        font: 700 12px/1 var(--font);
        background: var(--card);
        color: var(--text);
        border: 1px solid var(--line-strong);
        border-radius: 50%;
        pointer-events: none;
      }
      .side {
        display: grid;
        gap: 0.75rem;
      }
      .corners {
        display: flex;
        flex-wrap: wrap;
        gap: 0.75rem;
        margin-top: 0.5rem;
      }
      .corner {
        width: 5.5rem;
      }
      .corner .row {
        flex-wrap: nowrap;
        gap: 0;
        justify-content: space-between;
        padding-left: 0.25rem;
      }
      .corner button {
        padding: 0 0.4rem;
        min-height: 1.75rem;
      }
      .add {
        height: 5.5rem;
        width: 5.5rem;
        border-style: dashed;
        color: var(--quiet);
      }
      @media (max-width: 700px) {
        .wide {
          grid-template-columns: 1fr;
        }
      }
    `,
  ];
}
