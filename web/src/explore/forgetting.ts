// Forget: draw boxes over what should go; the maps that draw it are found here, in the browser, and switched off.
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";

import { type Box, enough, find } from "../core/forget.ts";
import type { Picture } from "../core/generator.ts";
import { shared } from "../style.ts";
import "./boxes.ts";
import "./mosaic.ts";
import "./picture.ts";
import { Panel, seedWords } from "./session.ts";

const SAMPLES = 12;
const SHOWN = 24; // maps in the list, before one asks for more

interface Found {
  map: number;
  weight: number;
  change: number; // grey levels that the samples lose without it, inside the boxes
}

@customElement("explore-forget")
export class Forget extends Panel {
  @state() private found: Found[] = [];
  @state() private foundIn = -1;
  @state() private busy = false;
  @state() private more = false;
  @state() private without = false;
  @state() private trouble = "";

  /** "The second highest convolution layer": the last but one, unless one says otherwise. */
  private get layer(): number {
    const { layers } = this.generator.about;
    return this.state.layer >= 0 && this.state.layer < layers.length
      ? this.state.layer
      : Math.max(0, layers.length - 2);
  }

  private get samples(): string[] {
    return Array.from({ length: SAMPLES }, (_, i) => seedWords(this.state.from + i));
  }

  private boxesOf(words: string): Box[] {
    return this.state.boxes.filter((box) => box.words === words);
  }

  private setBoxes(words: string, boxes: Box[]): void {
    const others = this.state.boxes.filter((box) => box.words !== words);
    this.session.set({ boxes: [...others, ...boxes.map((box) => ({ ...box, words }))] });
  }

  private async search(): Promise<void> {
    this.busy = true;
    this.trouble = "";
    try {
      const layer = this.layer;
      const [maps, height, width] = this.generator.about.layers[layer]!;
      const marked = [...new Set(this.state.boxes.map(({ words }) => words))];
      const bare = this.without ? this.samples.filter((words) => !marked.includes(words)) : [];
      const shown = [];
      for (const words of [...marked, ...bare]) {
        const made = await this.generator.maps(words);
        shown.push({ words, picture: made.picture, maps: made.layers[layer]!, boxes: this.boxesOf(words) });
      }
      const found = find(shown, maps, height, width);
      this.found = [];
      for (const one of found) this.found.push({ ...one, change: 0 });
      this.foundIn = layer;
      if (!found.length)
        this.trouble =
          "No map draws what is in the boxes more than what is beside them. Draw more, or look in another layer.";
      this.setOff(found.slice(0, enough(found)).map(({ map }) => map));
      void this.weigh(shown.slice(0, marked.length), layer);
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }

  /** What each found map draws: how far the boxes change when it alone is off. */
  private async weigh(shown: { words: string; picture: Picture; boxes: Box[] }[], layer: number): Promise<void> {
    for (const one of this.found.slice(0, SHOWN)) {
      let sum = 0;
      for (const { words, picture, boxes } of shown.slice(0, 3)) {
        sum += within(picture, await this.generator.picture(words, { [layer]: [one.map] }), boxes);
      }
      one.change = sum / Math.min(3, shown.length);
      this.requestUpdate();
    }
  }

  private get off(): number[] {
    return this.state.off[this.layer] ?? [];
  }

  private setOff(maps: number[], replace = false): void {
    this.session.set({ off: { ...this.state.off, [this.layer]: maps } }, replace);
  }

  private toggle(map: number): void {
    this.setOff(this.off.includes(map) ? this.off.filter((one) => one !== map) : [...this.off, map]);
  }

  override render() {
    const { generator, state } = this;
    const { layers } = generator.about;
    if (!layers.length) {
      return html`<p class="said">
        This generator has no maps: its layers are plain vectors (Goodfellow et al., 2014), so there are none to switch
        off.
      </p>`;
    }
    const known = this.foundIn === this.layer ? this.found : [];
    const marked = new Set(state.boxes.map(({ words }) => words)).size;
    return html`
      <ol class="steps">
        <li>
          <h3>1. Draw boxes over what should go</h3>
          <p class="small quiet">Windows, glasses, a smile: on a handful of these. Drag across a picture.</p>
        </li>
        <li class="row">
          <label class="row small"
            >From seed
            <input
              type="number"
              min="0"
              .value=${String(state.from)}
              @change=${(e: Event) => this.session.set({ from: Math.max(0, Math.floor(Number((e.target as HTMLInputElement).value)) || 0) })}
          /></label>
          <button ?disabled=${!state.boxes.length} @click=${() => this.session.set({ boxes: [] })}>
            Wipe all boxes
          </button>
        </li>
      </ol>
      <div class="samples">
        ${this.samples.map(
          (words) =>
            html`<explore-boxes
              .generator=${generator}
              words=${words}
              .boxes=${this.boxesOf(words)}
              @boxes=${(e: CustomEvent<Box[]>) => this.setBoxes(words, e.detail)}
            ></explore-boxes>`,
        )}
      </div>
      <h3>2. Find the maps that draw it</h3>
      <div class="row">
        <label class="row small"
          >Layer
          <select @change=${(e: Event) => this.session.set({ layer: Number((e.target as HTMLSelectElement).value) })}>
            ${layers.map(
              ([maps, h, w], i) =>
                html`<option value=${i} ?selected=${i === this.layer}>
                  ${h}×${w}, ${maps} maps${i === layers.length - 2 ? " (the paper's)" : ""}
                </option>`,
            )}
          </select></label
        >
        <button class="first" ?disabled=${!state.boxes.length || this.busy} @click=${() => this.search()}>
          ${this.busy ? "Looking …" : "Find and switch off"}
        </button>
        <label class="row small"
          ><input
            type="checkbox"
            .checked=${this.without}
            @change=${(e: Event) => (this.without = (e.target as HTMLInputElement).checked)}
          />Those without a box show none of it</label
        >
        <span class="small quiet" role="status">${state.boxes.length} boxes on ${marked} pictures</span>
      </div>
      ${this.trouble ? html`<p class="said warn" role="alert">${this.trouble}</p>` : nothing}
      ${
        known.length
          ? html`<div class="row many">
              <label for="many"
                >Switched off: the ${known.filter(({ map }) => this.off.includes(map)).length} strongest of
                ${known.length}</label
              >
              <input
                id="many"
                type="range"
                min="0"
                max=${known.length}
                .value=${String(known.filter(({ map }) => this.off.includes(map)).length)}
                @input=${(e: Event) =>
                  this.setOff(
                    known.slice(0, Number((e.target as HTMLInputElement).value)).map(({ map }) => map),
                    true,
                  )}
                @change=${() => this.session.set({})}
              />
            </div>`
          : nothing
      }
      <h3>3. Look</h3>
      <div class="samples">
        ${this.samples.map(
          (words) =>
            html`<figure>
              <dcgan-picture
                .generator=${generator}
                words=${words}
                .off=${state.off}
                urgent
                name="${words}, without those maps"
              ></dcgan-picture>
            </figure>`,
        )}
      </div>
      <h3>Single maps of ${layers[this.layer]!.slice(1).join("×")}</h3>
      <p class="small quiet">
        What each one shows in the chosen picture. Choose one to switch it off or on.
        ${known.length ? "Those found come first, with the grey levels that the boxes change without it alone." : ""}
      </p>
      <explore-mosaic
        .generator=${generator}
        words=${state.point}
        .layer=${this.layer}
        .off=${this.off}
        .order=${known.map(({ map }) => map)}
        .notes=${Object.fromEntries(known.filter(({ change }) => change).map(({ map, change }) => [map, change.toFixed(1)]))}
        .most=${this.more ? Infinity : 48}
        @map=${(e: CustomEvent<number>) => this.toggle(e.detail)}
      ></explore-mosaic>
      ${
        !this.more && layers[this.layer]![0] > 48
          ? html`<button @click=${() => (this.more = true)}>Show all ${layers[this.layer]![0]}</button>`
          : nothing
      }
    `;
  }

  static override styles = [
    shared,
    css`
      h3 {
        margin: 1.25rem 0 0.35rem;
      }
      .steps h3 {
        margin-top: 0;
      }
      .steps {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0.5rem 1rem;
        margin-bottom: 0.75rem;
      }
      .steps input {
        width: 8rem;
      }
      .samples {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr));
        gap: 10px;
      }
      .many {
        margin-top: 0.75rem;
      }
      .many input {
        flex: 1;
        max-width: 26rem;
      }
      .said {
        margin-top: 0.75rem;
      }
    `,
  ];
}

/** Mean grey levels between two pictures, inside the boxes. */
function within(a: Picture, b: Picture, boxes: Box[]): number {
  let [sum, count] = [0, 0];
  for (let y = 0; y < a.height; y++) {
    for (let x = 0; x < a.width; x++) {
      const [u, v] = [(x + 0.5) / a.width, (y + 0.5) / a.height];
      if (!boxes.some((box) => u >= box.x && u <= box.x + box.w && v >= box.y && v <= box.y + box.h)) continue;
      for (let c = 0; c < a.channels; c++) {
        const i = (y * a.width + x) * a.channels + c;
        sum += Math.abs(a.pixels[i]! - b.pixels[i]!);
        count++;
      }
    }
  }
  return count ? sum / count : 0;
}
