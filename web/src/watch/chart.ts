// A few curves of one run over the steps of training: means as lines, lowest to highest as a band behind them.
// A click goes to that step; a drag shows that stretch alone, in all charts; a double click shows all again.
import { LitElement, css, html, unsafeCSS } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import uPlot from "uplot";
import plotStyle from "uplot/dist/uPlot.min.css?inline";

import { shared } from "../style.ts";
import { onTheme } from "../theme.ts";
import { type CurveName, type Points, binned, last } from "./model.ts";
import { count, short } from "./words.ts";

const BINS = 120; // points a curve is drawn with: more would hide its course behind its noise
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

export interface Curve {
  name: CurveName;
  label: string;
  colour: number; // --curve-N
  dash?: number[];
}

export type Range = [number, number];

@customElement("dcgan-chart")
export class Chart extends LitElement {
  @property() heading = "";
  @property({ attribute: false }) points!: Points;
  @property({ attribute: false }) curves: Curve[] = [];
  /** Steps and values shown; the same for all runs beside each other. */
  @property({ attribute: false }) across: Range = [0, 1];
  @property({ attribute: false }) up: Range = [0, 1];
  /** Value at which a thin line stands: an equilibrium. */
  @property({ attribute: false }) level: number | null = null;
  /** The step that is looked at; null for the newest. */
  @property({ attribute: false }) step: number | null = null;
  /** Steps where something was noticed. */
  @property({ attribute: false }) marks: number[] = [];
  @property({ type: Number }) fresh = 0;
  @state() private hovered: number | null = null;
  private plot?: uPlot;
  private watcher?: ResizeObserver;
  private untheme?: () => void;
  private dragged = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.untheme = onTheme(() => this.rebuild());
    if (this.hasUpdated) this.rebuild();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.untheme?.();
    this.watcher?.disconnect();
    this.plot?.destroy();
    delete this.plot;
  }

  override firstUpdated(): void {
    this.rebuild();
  }

  override updated(changed: Map<string, unknown>): void {
    if (!this.plot) return;
    if (changed.has("curves")) this.rebuild();
    else if (["points", "across", "up", "fresh"].some((name) => changed.has(name))) this.draw();
    else if (changed.has("step") || changed.has("marks")) this.plot.redraw(false);
  }

  private data(): uPlot.AlignedData {
    const parts = this.curves.map((curve) => binned(this.points, curve.name, BINS, ...this.across));
    const columns = parts.flatMap((part) => [part.mean, part.low, part.high]);
    return [parts[0]?.step ?? [], ...columns] as uPlot.AlignedData;
  }

  private draw(): void {
    this.plot?.batch(() => {
      this.plot!.setData(this.data(), false);
      this.plot!.setScale("x", { min: this.across[0], max: this.across[1] });
      this.plot!.setScale("y", { min: this.up[0], max: this.up[1] });
    });
  }

  private rebuild(): void {
    const place = this.renderRoot.querySelector<HTMLElement>(".plot");
    if (!place || !this.isConnected) return;
    this.plot?.destroy();
    this.watcher?.disconnect();
    const probe = place.appendChild(document.createElement("i"));
    const colour = (name: string, alpha = 1) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color.replace(/^rgba?\(([^)]*)\)$/, (_, parts) => `rgba(${parts}, ${alpha})`);
    };
    const quiet = colour("--quiet");
    const [line, accent, warn] = [colour("--line"), colour("--accent"), colour("--warn")];
    const series: uPlot.Series[] = [{}];
    const bands: uPlot.Band[] = [];
    for (const { colour: number, dash } of this.curves) {
      const at = series.length;
      series.push({ stroke: colour(`--curve-${number}`), width: 1.75, dash, points: { show: lonely } });
      series.push({ points: { show: false } }, { points: { show: false } });
      bands.push({ series: [at + 2, at + 1], fill: colour(`--curve-${number}`, 0.16) });
    }
    probe.remove();
    const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const upright = (u: uPlot, step: number, stroke: string, dash: number[] = []) => {
      const x = Math.round(u.valToPos(step, "x", true)) + 0.5;
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
      u.ctx.save();
      u.ctx.strokeStyle = stroke;
      u.ctx.lineWidth = 1.5;
      u.ctx.setLineDash(dash);
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.bbox.top);
      u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
      u.ctx.stroke();
      u.ctx.restore();
    };
    const { width } = place.getBoundingClientRect();
    this.plot = new uPlot(
      {
        width: Math.max(120, width),
        height: 190,
        padding: [8, 16, 0, 0],
        legend: { show: false },
        series,
        bands,
        scales: {
          x: { time: false, range: () => this.across },
          y: { range: () => this.up },
        },
        axes: [
          { ...axis, size: 28, gap: 2, values: (_, steps) => steps.map((step) => compact.format(step)) },
          { ...axis, size: 44, gap: 4, values: (_, values) => values.map((value) => compact.format(value)) },
        ],
        cursor: {
          sync: { key: "watch", scales: ["x", null] },
          drag: { x: true, y: false, setScale: false, dist: 6 },
          points: { show: false },
          y: false,
        },
        hooks: {
          drawClear: [
            (u) => {
              if (this.level === null || this.level < this.up[0] || this.level > this.up[1]) return;
              const y = Math.round(u.valToPos(this.level, "y", true)) + 0.5;
              u.ctx.save();
              u.ctx.strokeStyle = quiet;
              u.ctx.setLineDash([2, 4]);
              u.ctx.beginPath();
              u.ctx.moveTo(u.bbox.left, y);
              u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
              u.ctx.stroke();
              u.ctx.restore();
            },
          ],
          draw: [
            (u) => {
              for (const step of this.marks) upright(u, step, warn, [3, 3]);
              if (this.step !== null) upright(u, this.step, accent);
            },
          ],
          setCursor: [
            (u) => {
              const left = u.cursor.left ?? -1;
              this.hovered = left >= 0 ? u.posToVal(left, "x") : null;
            },
          ],
          setSelect: [
            (u) => {
              const { left, width: wide } = u.select;
              if (wide < 6) return;
              this.dragged = true;
              this.tell("zoom", [u.posToVal(left, "x"), u.posToVal(left + wide, "x")]);
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      this.data(),
      place,
    );
    const { over } = this.plot;
    over.addEventListener("mousedown", () => (this.dragged = false));
    over.addEventListener("click", (event) => {
      if (!this.dragged) this.tell("pick", this.plot!.posToVal(event.offsetX, "x"));
    });
    over.addEventListener("dblclick", () => this.tell("zoom", null));
    this.watcher = new ResizeObserver(([entry]) => {
      const wide = Math.floor(entry!.contentRect.width);
      if (wide > 0 && wide !== this.plot?.width) this.plot?.setSize({ width: wide, height: 190 });
    });
    this.watcher.observe(place);
  }

  private tell(what: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  /** Of a curve, at the pointer, else at the step that is looked at, else the newest. */
  private value(curve: Curve): number | null {
    const { step, columns } = this.points;
    const at = last(step, this.hovered ?? this.step ?? Infinity);
    return columns[curve.name]?.mean[Math.max(0, at)] ?? null;
  }

  override render() {
    const values = this.curves.map((curve) => ({ ...curve, value: this.value(curve) }));
    const newest = this.points.step.at(-1);
    const said = values.map(({ label, value }) => `${label} ${short(value)}`).join(", ");
    return html`
      <figure>
        <figcaption class="row spread">
          <h3>${this.heading}</h3>
          <ul class="row small">
            ${values.map(
              ({ label, colour, dash, value }) =>
                html`<li>
                  <svg width="18" height="8" aria-hidden="true">
                    <line x1="0" y1="4" x2="18" y2="4" class="c${colour}" stroke-dasharray=${dash?.join(" ") ?? "none"} />
                  </svg>
                  ${label} <span class="mono">${short(value)}</span>
                </li>`,
            )}
          </ul>
        </figcaption>
        <div
          class="plot"
          role="img"
          aria-label="${this.heading} over training. ${newest === undefined
            ? "Nothing was reported yet."
            : `At step ${count(this.step ?? newest)}: ${said}.`}"
        ></div>
      </figure>
    `;
  }

  static override styles = [
    unsafeCSS(plotStyle),
    shared,
    css`
      figcaption {
        min-height: 1.6rem;
      }
      li {
        display: inline-flex;
        align-items: center;
        gap: 0.35rem;
      }
      .plot {
        height: 190px;
        min-width: 0;
        overflow: hidden;
      }
      line {
        stroke-width: 2.5;
      }
      .c1 {
        stroke: var(--curve-1);
      }
      .c2 {
        stroke: var(--curve-2);
      }
      .c3 {
        stroke: var(--curve-3);
      }
      .c4 {
        stroke: var(--curve-4);
      }
      .c5 {
        stroke: var(--curve-5);
      }
      .u-select {
        background: var(--accent);
        opacity: 0.15;
      }
      .u-cursor-x {
        border-color: var(--quiet);
      }
    `,
  ];
}

/** A point on its own is drawn as one; many make a line. */
const lonely = (u: uPlot): boolean => u.data[0].length < 3;
