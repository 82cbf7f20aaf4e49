// <explore-boxes>: a picture on which boxes are drawn, by hand or by keyboard.
import { LitElement, css, html } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";

import type { Box } from "../core/forget.ts";
import type { Generator } from "../core/generator.ts";
import { shared } from "../style.ts";
import "./picture.ts";

const LEAST = 0.03; // a click is no box

@customElement("explore-boxes")
export class Boxes extends LitElement {
  @property({ attribute: false }) generator!: Generator;
  @property() words = "";
  @property({ attribute: false }) boxes: Box[] = [];
  @state() private drawn: Box | null = null;
  @query(".field") private field!: HTMLElement;
  private start: [number, number] = [0, 0];

  private place(event: PointerEvent): [number, number] {
    const box = this.field.getBoundingClientRect();
    const within = (value: number) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  private onPointer(event: PointerEvent): void {
    const [x, y] = this.place(event);
    if (event.type === "pointerdown") {
      if ((event.target as Element).closest("button")) return;
      this.field.setPointerCapture(event.pointerId);
      this.start = [x, y];
      this.drawn = { x, y, w: 0, h: 0 };
    } else if (this.drawn) {
      const [a, b] = this.start;
      this.drawn = { x: Math.min(a, x), y: Math.min(b, y), w: Math.abs(x - a), h: Math.abs(y - b) };
      if (event.type === "pointerup") {
        if (this.drawn.w > LEAST && this.drawn.h > LEAST) this.tell([...this.boxes, this.drawn]);
        this.drawn = null;
      }
    }
  }

  /** Enter adds a box in the middle; arrows move the last one, with Shift they size it, Delete takes it away. */
  private onKey(event: KeyboardEvent): void {
    const last = this.boxes.at(-1);
    const others = this.boxes.slice(0, -1);
    if (event.key === "Enter") this.tell([...this.boxes, { x: 0.35, y: 0.35, w: 0.3, h: 0.3 }]);
    else if (last && (event.key === "Delete" || event.key === "Backspace")) this.tell(others);
    else if (last && event.key.startsWith("Arrow")) {
      const step = 0.05;
      const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[
        event.key
      ]!;
      const w = event.shiftKey ? Math.min(1 - last.x, Math.max(step, last.w + dx!)) : last.w;
      const h = event.shiftKey ? Math.min(1 - last.y, Math.max(step, last.h + dy!)) : last.h;
      const x = event.shiftKey ? last.x : Math.min(1 - w, Math.max(0, last.x + dx!));
      const y = event.shiftKey ? last.y : Math.min(1 - h, Math.max(0, last.y + dy!));
      this.tell([...others, { x, y, w, h }]);
    } else return;
    event.preventDefault();
  }

  private tell(boxes: Box[]): void {
    this.dispatchEvent(new CustomEvent("boxes", { detail: boxes }));
  }

  override render() {
    const place = ({ x, y, w, h }: Box) => `left:${x * 100}%;top:${y * 100}%;width:${w * 100}%;height:${h * 100}%`;
    return html`<div
      class="field"
      tabindex="0"
      role="group"
      aria-label="${this.words}: ${this.boxes.length} boxes. Enter adds one, arrows move it, Shift and arrows size it, Delete takes it away."
      @pointerdown=${this.onPointer}
      @pointermove=${this.onPointer}
      @pointerup=${this.onPointer}
      @keydown=${this.onKey}
    >
      <dcgan-picture .generator=${this.generator} words=${this.words} aria-hidden="true"></dcgan-picture>
      ${this.boxes.map(
        (box, i) =>
          html`<div class="box" .style=${place(box)}>
            <button
              tabindex="-1"
              aria-label="Take box ${i + 1} away"
              @click=${() => this.tell(this.boxes.filter((_, j) => j !== i))}
            >
              ✕
            </button>
          </div>`,
      )}
      ${this.drawn ? html`<div class="box" .style=${place(this.drawn)}></div>` : ""}
    </div>`;
  }

  static override styles = [
    shared,
    css`
      .field {
        position: relative;
        touch-action: none;
        cursor: crosshair;
        user-select: none;
        border-radius: 4px;
      }
      .box {
        position: absolute;
        border: 2px solid #ff4d6d;
        background: rgb(255 77 109 / 22%);
        box-shadow: 0 0 0 1px rgb(0 0 0 / 55%);
        pointer-events: none;
      }
      .box button {
        pointer-events: auto;
        position: absolute;
        top: -10px;
        right: -10px;
        width: 20px;
        height: 20px;
        min-height: 0;
        padding: 0;
        border-radius: 50%;
        font-size: 10px;
        opacity: 0;
      }
      .field:hover .box button {
        opacity: 1;
      }
    `,
  ];
}
