// <dcgan-picture>: what the generator draws for some words, as soon as it is drawn. The old one stands until then.
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";

import { imageData } from "../core/files.ts";
import { type Generator, type Off, type Picture, gateKey } from "../core/generator.ts";

@customElement("dcgan-picture")
export class PictureElement extends LitElement {
  @property({ attribute: false }) generator!: Generator;
  @property() words = "0";
  @property({ attribute: false, hasChanged: (now?: Off, was?: Off) => gateKey(now ?? {}) !== gateKey(was ?? {}) })
  off: Off = {};
  /** Before all others: what a hand is on. */
  @property({ type: Boolean }) urgent = false;
  @property() name = "";
  @state() private wrong = "";
  @query("canvas") private canvas!: HTMLCanvasElement;
  /** What stands on the canvas, to the bit, and the words that it was drawn for; and those that were asked for. */
  picture: Picture | null = null;
  drawnFor = "";
  askedFor = "";
  private cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.cancel();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated && !this.picture) this.ask();
  }

  override updated(changed: Map<string, unknown>): void {
    if (["generator", "words", "off"].some((name) => changed.has(name))) this.ask();
  }

  private ask(): void {
    this.cancel();
    this.wrong = this.generator.wrong(this.words);
    if (this.wrong) return;
    const key = `${this.words} ${gateKey(this.off)}`;
    this.askedFor = key;
    const { now, later, cancel } = this.generator.ask(this.words, this.off, this.urgent);
    this.cancel = cancel;
    if (now) this.show(now);
    else {
      later!.then(
        (picture) => key === this.askedFor && this.show(picture),
        (error: unknown) => (this.wrong = String(error)),
      );
    }
  }

  private show(picture: Picture): void {
    const { canvas } = this;
    if (canvas.width !== picture.width) canvas.width = picture.width;
    if (canvas.height !== picture.height) canvas.height = picture.height;
    canvas.getContext("2d")!.putImageData(imageData(picture), 0, 0);
    this.picture = picture;
    this.drawnFor = this.askedFor;
    this.toggleAttribute("drawn", true);
    this.dispatchEvent(new CustomEvent("drawn", { detail: { words: this.words } }));
  }

  override render() {
    const [height, width] = this.generator.about.size;
    return html`
      <canvas
        width=${width}
        height=${height}
        role="img"
        aria-label=${this.name || `the picture of ${this.words}`}
      ></canvas>
      ${this.wrong ? html`<span class="wrong" title=${this.wrong}>?</span>` : nothing}
    `;
  }

  static override styles = css`
    :host {
      display: block;
      position: relative;
      line-height: 0;
      background: var(--sunken);
      border-radius: 4px;
      overflow: hidden;
    }
    canvas {
      width: 100%;
      height: auto;
      image-rendering: pixelated;
    }
    .wrong {
      position: absolute;
      inset: 0;
      display: grid;
      place-items: center;
      color: var(--quiet);
      background: var(--sunken);
      line-height: 1;
    }
  `;
}
