// The sheet of fixed samples of one run at one moment, and one of its pictures through all of training.
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";

import { shared } from "../style.ts";
import { sheetAddress } from "./feed.ts";
import type { Run } from "./model.ts";
import { cell, picture, seedAt } from "./pictures.ts";
import { count } from "./words.ts";

const STRIP = 8; // moments of one seed

@customElement("dcgan-sheet")
export class Sheet extends LitElement {
  @property({ attribute: false }) run!: Run;
  /** Which of the run's sheets; -1 before the first. */
  @property({ type: Number }) index = -1;
  @property({ attribute: false }) seed: number | null = null;
  /** Counts up as the run grows, so that this element looks again. */
  @property({ type: Number }) fresh = 0;
  @state() private shown: HTMLImageElement | null = null;
  @state() private shownStep = -1;
  @state() private failed = false;
  /** Whether what is shown is not yet what was asked for. */
  busy = false;
  private wanted = "";

  private address(index: number): string {
    const { steps, versions } = this.run.samples;
    return sheetAddress(this.run.name, steps[index]!, versions[index]!);
  }

  override willUpdate(): void {
    const step = this.run.samples.steps[this.index];
    if (step === undefined) {
      this.wanted = "";
      this.shown = null;
      return;
    }
    const address = this.address(this.index);
    if (address === this.wanted) return;
    this.wanted = address;
    this.busy = true;
    picture(address)
      .then((image) => this.arrived(address, image, step))
      .catch(() => this.arrived(address, null, step));
  }

  private arrived(address: string, image: HTMLImageElement | null, step: number): void {
    if (address !== this.wanted) return; // another was asked for meanwhile
    this.busy = false;
    this.failed = image === null;
    if (image) [this.shown, this.shownStep] = [image, step];
    for (const next of [this.index + 1, this.index - 1])
      if (this.run.samples.steps[next] !== undefined) picture(this.address(next)).catch(() => {}); // ready when wanted
  }

  private pick(event: MouseEvent): void {
    const image = event.currentTarget as HTMLImageElement;
    if (!this.run.brief?.size || !image.naturalWidth) return;
    const scale = image.naturalWidth / image.clientWidth;
    const sheet = { width: image.naturalWidth, height: image.naturalHeight };
    const seed = seedAt(sheet, this.run.brief.size, event.offsetX * scale, event.offsetY * scale);
    this.dispatchEvent(new CustomEvent("seed", { detail: seed === this.seed ? null : seed }));
  }

  private marked() {
    const { shown, seed } = this;
    const size = this.run.brief?.size;
    const place = shown && size && seed !== null && cell(sized(shown), size, seed);
    if (!place) return nothing;
    const [wide, high] = [shown.naturalWidth, shown.naturalHeight];
    const { left, top, width, height } = place;
    const parts = { left: left / wide, top: top / high, width: width / wide, height: height / high };
    const words = Object.entries(parts).map(([name, part]) => `${name}: ${100 * part}%`);
    // Set as a property: a style in the text of the page is what its policy forbids.
    return html`<div class="mark" .style=${words.join("; ")}></div>`;
  }

  /** The seed now, large, and at moments from the first sheet to the last. */
  private followed() {
    const { seed, run } = this;
    const size = run.brief?.size;
    if (seed === null || !size || !this.shown) return nothing;
    const all = run.samples.steps.length;
    const picks = [...new Set(Array.from({ length: STRIP }, (_, i) => Math.round((i * (all - 1)) / (STRIP - 1))))];
    return html`<div class="one">
      <dcgan-crop class="large" .address=${this.wanted} .size=${size} .seed=${seed}></dcgan-crop>
      <div>
        <h3>Seed ${seed}</h3>
        <p class="quiet small">at step ${count(this.shownStep)}, and as it came about</p>
        <ol class="strip">
          ${picks.map(
            (index) =>
              html`<li>
                <dcgan-crop .address=${this.address(index)} .size=${size} .seed=${seed}></dcgan-crop
                ><span class="small quiet">${count(run.samples.steps[index]!)}</span>
              </li>`,
          )}
        </ol>
      </div>
    </div>`;
  }

  override render() {
    if (this.failed) return html`<p class="said bad">This sheet of samples could not be read.</p>`;
    if (!this.shown) {
      const none = this.run.heard && !this.run.samples.steps.length;
      return html`<div class="hollow" aria-busy=${String(!none)}>
        ${none ? html`<p class="quiet">Its first samples will stand here.</p>` : nothing}
      </div>`;
    }
    return html`
      <figure>
        <div class="sheet">
          <img
            src=${this.shown.src}
            width=${this.shown.naturalWidth}
            height=${this.shown.naturalHeight}
            alt="Samples of ${this.run.name} at step ${count(this.shownStep)}: the same seeds at every step"
            @click=${this.pick}
          />
          ${this.marked()}
        </div>
      </figure>
      ${this.followed()}
    `;
  }

  static override styles = [
    shared,
    css`
      .sheet {
        position: relative;
        line-height: 0;
        border-radius: 8px;
        overflow: hidden;
        background: #fff;
      }
      img {
        width: 100%;
        height: auto;
        image-rendering: pixelated;
        cursor: zoom-in;
      }
      .mark {
        position: absolute;
        box-shadow:
          0 0 0 2px var(--accent),
          0 0 0 9999px rgb(255 255 255 / 45%);
        border-radius: 2px;
        pointer-events: none;
      }
      .hollow {
        aspect-ratio: 1;
        border-radius: 8px;
        background: var(--sunken);
        display: grid;
        place-items: center;
      }
      .hollow[aria-busy="true"] {
        animation: breathe 1.4s ease-in-out infinite alternate;
      }
      @keyframes breathe {
        to {
          opacity: 0.55;
        }
      }
      .one {
        display: grid;
        grid-template-columns: minmax(96px, 30%) 1fr;
        gap: var(--gap);
        margin-top: var(--gap);
      }
      .strip {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(52px, 1fr));
        gap: 0.4rem;
        margin-top: 0.5rem;
        text-align: center;
      }
    `,
  ];
}

/** One picture cut out of a sheet. */
@customElement("dcgan-crop")
export class Crop extends LitElement {
  @property({ attribute: false }) address = "";
  @property({ attribute: false }) size: [number, number] = [1, 1];
  @property({ attribute: false }) seed = 0;

  override updated(): void {
    const { address, seed, size } = this;
    picture(address)
      .then((image) => {
        const canvas = this.renderRoot.querySelector("canvas");
        const place = cell(sized(image), size, seed);
        if (!canvas || !place || address !== this.address || seed !== this.seed) return;
        [canvas.width, canvas.height] = [place.width, place.height];
        const { left, top, width, height } = place;
        canvas.getContext("2d")?.drawImage(image, left, top, width, height, 0, 0, width, height);
      })
      .catch(() => {}); // the sheet itself says so
  }

  override render() {
    return html`<canvas aria-hidden="true"></canvas>`;
  }

  static override styles = [
    shared,
    css`
      canvas {
        width: 100%;
        image-rendering: pixelated;
        border-radius: 4px;
        display: block;
        background: var(--sunken);
      }
    `,
  ];
}

const sized = (image: HTMLImageElement) => ({ width: image.naturalWidth, height: image.naturalHeight });
