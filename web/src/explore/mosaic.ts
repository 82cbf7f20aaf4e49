// <explore-mosaic>: every map of a hidden layer as a thumbnail, brighter where it is more active; each can be chosen.
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";

import type { Generator } from "../core/generator.ts";
import { shared } from "../style.ts";

@customElement("explore-mosaic")
export class Mosaic extends LitElement {
  @property({ attribute: false }) generator!: Generator;
  @property() words = "0";
  @property({ attribute: false }) layer = 0;
  @property({ attribute: false }) off: number[] = [];
  /** Those to show first. */
  @property({ attribute: false }) order: number[] = [];
  @property({ attribute: false }) notes: Record<number, string> = {};
  @property({ attribute: false }) most = 48;
  @state() private maps: Float32Array | null = null;
  private asked = "";

  override updated(): void {
    const wanted = `${this.words} ${this.layer}`;
    if (wanted !== this.asked && !this.generator.wrong(this.words)) {
      this.asked = wanted;
      const layer = this.layer;
      void this.generator.maps(this.words).then(({ layers }) => {
        if (this.asked === wanted) this.maps = layers[layer]!;
      });
    }
    this.paint();
  }

  private get shown(): number[] {
    const [count] = this.generator.about.layers[this.layer]!;
    const rest = Array.from({ length: count }, (_, i) => i).filter((map) => !this.order.includes(map));
    return [...this.order, ...rest].slice(0, Math.max(this.most, this.order.length));
  }

  private paint(): void {
    const [, height, width] = this.generator.about.layers[this.layer]!;
    if (!this.maps || this.maps.length !== this.generator.about.layers[this.layer]!.reduce((a, b) => a * b, 1)) return;
    for (const canvas of this.renderRoot.querySelectorAll("canvas")) {
      const map = Number(canvas.dataset["map"]);
      drawMap(canvas, this.maps.subarray(map * height * width, (map + 1) * height * width), height, width);
    }
  }

  override render() {
    const [, height, width] = this.generator.about.layers[this.layer]!;
    return html`<div class="maps" role="group" aria-label="Maps of the layer">
      ${this.shown.map((map) => {
        const on = !this.off.includes(map);
        return html`<button
          aria-pressed=${!on}
          aria-label="Map ${map}, ${on ? "on" : "off"}"
          title="Map ${map}${this.notes[map] ? `: the boxes change by ${this.notes[map]} grey levels without it` : ""}"
          @click=${() => this.dispatchEvent(new CustomEvent("map", { detail: map }))}
        >
          <canvas data-map=${map} width=${width} height=${height} aria-hidden="true"></canvas>
          <span aria-hidden="true">${map}${this.notes[map] ? html` · ${this.notes[map]}` : nothing}</span>
        </button>`;
      })}
    </div>`;
  }

  static override styles = [
    shared,
    css`
      .maps {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(3.75rem, 1fr));
        gap: 6px;
        margin: 0.5rem 0;
      }
      button {
        position: relative;
        display: block;
        padding: 0;
        min-height: 0;
        border: 1px solid var(--line);
        border-radius: 6px;
        overflow: hidden;
        font: 500 11px/1.6 var(--mono);
      }
      canvas {
        display: block;
        width: 100%;
        image-rendering: pixelated;
      }
      button[aria-pressed="true"] {
        border-color: var(--bad);
        color: var(--bad);
        background: var(--bad-soft);
      }
      button[aria-pressed="true"] canvas {
        opacity: 0.25;
      }
    `,
  ];
}

/** One map, from black (its least) to white (its most); a map without any activity stays black. */
export function drawMap(canvas: HTMLCanvasElement, values: ArrayLike<number>, height: number, width: number): void {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  const image = new ImageData(width, height);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const t = (values[i]! - low) * scale;
    image.data.set([t, t, t, 255], i * 4);
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
