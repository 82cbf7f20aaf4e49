// One run, from head to foot: how far it is, what it draws, its curves, what was noticed, and its controls.
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";

import { go } from "../route.ts";
import { shared } from "../style.ts";
import "./chart.ts";
import type { Curve, Range } from "./chart.ts";
import { post } from "./feed.ts";
import type { Run } from "./model.ts";
import type { Sheet } from "./sheet.ts";
import "./sheet.ts";
import { STATUS, ago, count, duration, opinion, progress, short } from "./words.ts";

const LOSSES: Curve[] = [
  { name: "loss_D", label: "D", colour: 1 },
  { name: "loss_G", label: "G", colour: 2, dash: [8, 3] },
];
const OPINIONS: Curve[] = [
  { name: "D_x", label: "D(x)", colour: 3 },
  { name: "D_Gz", label: "D(G(z))", colour: 4, dash: [8, 3] },
];
const SCORE: Curve[] = [{ name: "score", label: "score", colour: 5 }];

export interface Scales {
  across: Range;
  losses: Range;
  opinions: Range;
  score: Range;
}

@customElement("dcgan-run")
export class Column extends LitElement {
  @property({ attribute: false }) run!: Run;
  @property({ attribute: false }) scales!: Scales;
  @property({ attribute: false }) step: number | null = null;
  @property({ attribute: false }) seed: number | null = null;
  @property({ type: Boolean }) score = false;
  @property({ type: Boolean }) closable = false;
  /** Counts up as anything grows: Run objects are changed in place. */
  @property({ type: Number }) fresh = 0;
  @state() private asked: "stop" | "continue" | null = null;
  @state() private trouble = "";
  @state() private more: number | null = null; // steps to train a finished run to
  private was = "";

  override willUpdate(): void {
    const status = this.run.brief?.status ?? "";
    if (status !== this.was) {
      this.was = status;
      this.asked = null;
      if (status === "training" || status === "starting") this.trouble = "";
    }
  }

  get busy(): boolean {
    return this.renderRoot.querySelector<Sheet>("dcgan-sheet")?.busy ?? false;
  }

  private async act(what: "stop" | "continue", steps: number | null = null): Promise<void> {
    this.asked = what;
    this.trouble = "";
    this.more = null;
    try {
      await post(what, { run: this.run.name, ...(what === "continue" ? { steps } : {}) });
    } catch (error) {
      this.asked = null;
      this.trouble = (error as Error).message;
    }
  }

  private controls() {
    const brief = this.run.brief!;
    if (brief.status === "training")
      return html`<button ?disabled=${this.asked === "stop"} @click=${() => this.act("stop")}>
        ${this.asked === "stop" ? "Stopping …" : "Stop and save"}
      </button>`;
    if (brief.status === "starting" || this.asked === "continue") return html`<button disabled>Starting …</button>`;
    if (!brief.goes_on || brief.status === "damaged") return nothing;
    if (brief.status === "stopped")
      return html`<button class="first" @click=${() => this.act("continue")}>Continue</button>`;
    if (!brief.steps) return nothing;
    if (this.more === null)
      return html`<button @click=${() => (this.more = brief.steps! + Math.max(1, Math.round(brief.steps! / 2)))}>
        Train on …
      </button>`;
    return html`<form
      class="row"
      @submit=${(event: Event) => {
        event.preventDefault();
        void this.act("continue", this.more);
      }}
    >
      <label class="row"
        >to step
        <input
          type="number"
          required
          min=${brief.steps + 1}
          step="1"
          .value=${String(this.more)}
          @input=${(event: InputEvent) => (this.more = (event.target as HTMLInputElement).valueAsNumber || 0)}
        />
      </label>
      <button class="first">Train</button>
      <button type="button" @click=${() => (this.more = null)}>Leave it</button>
    </form>`;
  }

  private head() {
    const { brief, name } = this.run;
    const status = brief && STATUS[brief.status];
    return html`
      <header class="row spread">
        <div class="row title">
          <h2 title=${name}>${name}</h2>
          ${status ? html`<span class="tag ${status.tone}">${status.name}</span>` : nothing}
        </div>
        <div class="row">
          ${brief ? this.controls() : nothing}
          ${brief && brief.status !== "damaged" && (brief.saved || brief.origin)
            ? html`<button @click=${() => go("explore", new URLSearchParams({ run: name }))}>Explore</button>`
            : nothing}
          ${this.closable
            ? html`<button
                class="bare"
                aria-label="Put ${name} away"
                title="Put away"
                @click=${() => this.dispatchEvent(new Event("away"))}
              >
                ✕
              </button>`
            : nothing}
        </div>
      </header>
    `;
  }

  private facts() {
    const brief = this.run.brief!;
    const now = Date.now() / 1000;
    const training = brief.status === "training";
    const facts: [string, string][] = [
      ["speed", brief.images_per_s ? `${count(brief.images_per_s)} images/s` : "–"],
      training ? ["time left", duration(brief.left)] : ["reported", ago(brief.reported, now) || "–"],
      ["trained for", duration(brief.seconds)],
    ];
    if (this.run.best) facts.push(["best score", `${short(this.run.best.score)} at ${count(this.run.best.step)}`]);
    return html`
      <div class="bar">
        <progress max="1" .value=${brief.fraction ?? 0} aria-label="How far ${brief.name} is"></progress>
        <span class="small"
          >${progress(brief)}${brief.fraction != null ? html` · ${Math.floor(100 * brief.fraction)} %` : nothing}</span
        >
      </div>
      <dl class="facts">
        ${facts.map(
          ([name, value]) =>
            html`<div>
              <dt class="small quiet">${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
    `;
  }

  private diagnosis() {
    const { findings, curves } = this.run;
    const shown = findings.filter((finding) => this.step === null || finding.step <= this.step).slice(-5).reverse();
    const [D_x, D_Gz] = (["D_x", "D_Gz"] as const).map((name) => {
      const mean = curves.columns[name]?.mean.slice(-20).filter((value) => value !== null) ?? [];
      return mean.length ? mean.reduce((sum, value) => sum + value, 0) / mean.length : null;
    });
    const words = opinion(D_x, D_Gz);
    return html`<section>
      <h3>In words</h3>
      ${words ? html`<p class="quiet">${words}</p>` : html`<p class="quiet">Nothing was reported yet.</p>`}
      ${shown.map(
        (finding) =>
          html`<p class="said warn">
            <strong>${finding.name.replaceAll("-", " ")}</strong>, at step ${count(finding.step)}: ${finding.words}
          </p>`,
      )}
    </section>`;
  }

  private chart(heading: string, points: Run["curves"], curves: Curve[], up: Range, level: number | null = null) {
    return html`<dcgan-chart
      .heading=${heading}
      .points=${points}
      .curves=${curves}
      .across=${this.scales.across}
      .up=${up}
      .level=${level}
      .step=${this.step}
      .marks=${this.run.findings.map((finding) => finding.step)}
      .fresh=${this.fresh}
      @pick=${this.again}
      @zoom=${this.again}
    ></dcgan-chart>`;
  }

  private again = (event: CustomEvent) => this.dispatchEvent(new CustomEvent(event.type, { detail: event.detail }));

  override render() {
    const { run } = this;
    const { brief } = run;
    if (run.gone) return html`<article class="card">${this.head()}<p class="said">This run is not there any more.</p></article>`;
    const trouble = this.trouble || brief?.trouble;
    const index = run.sheetAt(this.step ?? Infinity);
    const none = this.step !== null && index < 0 && run.samples.steps.length > 0;
    return html`<article class="card" aria-label="Run ${run.name}">
      ${this.head()} ${trouble ? html`<p class="said bad" role="alert">${trouble}</p>` : nothing}
      ${brief?.status === "damaged"
        ? nothing
        : html`
            ${brief ? this.facts() : nothing}
            ${none
              ? html`<p class="said">It had drawn nothing yet at step ${count(this.step!)}.</p>`
              : html`<dcgan-sheet
                  .run=${run}
                  .index=${index}
                  .seed=${this.seed}
                  .fresh=${this.fresh}
                  @seed=${this.again}
                ></dcgan-sheet>`}
            ${this.chart("Losses", run.curves, LOSSES, this.scales.losses)}
            ${this.chart("What D believes", run.curves, OPINIONS, this.scales.opinions, 0.5)}
            ${this.score ? this.chart(run.metric ?? "Score", run.scores, SCORE, this.scales.score) : nothing}
            ${this.diagnosis()}
            ${brief?.status === "finished"
              ? html`<p class="row small">
                  <a href="./api/file?run=${encodeURIComponent(run.name)}&what=timelapse" download>Timelapse</a>
                  <a href="./api/file?run=${encodeURIComponent(run.name)}&what=losses" download>Losses as a figure</a>
                </p>`
              : nothing}
          `}
    </article>`;
  }

  static override styles = [
    shared,
    css`
      :host {
        min-width: 0;
      }
      article {
        display: grid;
        gap: var(--gap);
        grid-template-columns: minmax(0, 1fr);
      }
      .title {
        min-width: 0;
        flex-wrap: nowrap;
      }
      h2 {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .bar {
        display: grid;
        gap: 0.25rem;
      }
      progress {
        appearance: none;
        width: 100%;
        height: 6px;
        border: 0;
        border-radius: 3px;
        overflow: hidden;
        background: var(--sunken);
      }
      progress::-webkit-progress-bar {
        background: var(--sunken);
      }
      progress::-webkit-progress-value {
        background: var(--accent);
        border-radius: 3px;
      }
      progress::-moz-progress-bar {
        background: var(--accent);
      }
      .facts {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr));
        gap: 0.5rem var(--gap);
      }
      dd {
        font-variant-numeric: tabular-nums;
        font-weight: 550;
      }
      section {
        display: grid;
        gap: 0.4rem;
      }
      input[type="number"] {
        width: 8rem;
      }
      :host([wide]) article {
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        align-items: start;
      }
      :host([wide]) header,
      :host([wide]) .bar,
      :host([wide]) .facts,
      :host([wide]) .said[role="alert"] {
        grid-column: 1 / -1;
      }
      :host([wide]) dcgan-sheet {
        grid-column: 1;
        grid-row: span 5;
      }
      @media (max-width: 900px) {
        :host([wide]) article {
          grid-template-columns: minmax(0, 1fr);
        }
        :host([wide]) dcgan-sheet {
          grid-row: auto;
        }
      }
    `,
  ];
}
