// Algorithm 1, one update at a time: a small training in the server, and what each update changed.
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";

import { shared } from "../style.ts";
import type { Step } from "./host.ts";
import { Panel } from "./session.ts";

// Goodfellow et al. (2014), Algorithm 1; G's line with the loss that they recommend instead.
const LINES: { who: "" | "D" | "G"; text: string; deep: number }[] = [
  { who: "", text: "for each training iteration:", deep: 0 },
  { who: "", text: "k times:", deep: 1 },
  { who: "D", text: "draw m latents z and m pictures x; D ascends log D(x) + log(1 − D(G(z)))", deep: 2 },
  { who: "G", text: "draw m latents z anew; G follows its own loss of D(G(z))", deep: 1 },
];

@customElement("explore-steps")
export class Steps extends Panel {
  @state() private now: (Step & { session: string }) | null = null;
  @state() private history: Step[] = [];
  @state() private busy = false;
  @state() private trouble = "";

  private async go(what: "start" | "D" | "G", times = 1): Promise<void> {
    this.busy = true;
    this.trouble = "";
    try {
      for (let i = 0; i < times; i++) {
        const who = times > 1 ? (i % 2 ? "G" : "D") : what;
        this.now = await this.session.server!.step(who, what === "start" ? "" : (this.now?.session ?? ""));
        this.history = what === "start" ? [this.now] : [...this.history.slice(-199), this.now];
      }
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }

  override render() {
    if (!this.session.server)
      return html`<p class="said">Training step by step is not here: ${this.session.host.without}</p>`;
    const { now } = this;
    return html`
      <p class="quiet">
        Algorithm 1 of the first GAN paper on a small run of its own: you make each update, and see what it changed.
      </p>
      <div class="row bar">
        <button class=${now ? "" : "first"} ?disabled=${this.busy} @click=${() => this.go("start")}>
          ${now ? "Begin anew" : "Begin"}
        </button>
        <button class=${now ? "first" : ""} ?disabled=${!now || this.busy} @click=${() => this.go("D")}>
          Update D
        </button>
        <button class=${now ? "first" : ""} ?disabled=${!now || this.busy} @click=${() => this.go("G")}>
          Update G
        </button>
        <button ?disabled=${!now || this.busy} @click=${() => this.go("D", 20)}>Ten of each</button>
        <span class="small quiet" role="status"
          >${this.busy ? "working …" : now ? `${now.step} updates of G` : ""}</span
        >
      </div>
      <ol class="lines mono">
        ${LINES.map(
          ({ who, text, deep }) =>
            html`<li class=${who && now?.who === who ? "here" : ""} .style=${`padding-left: ${0.5 + deep * 1.5}rem`}>
              ${text}
            </li>`,
        )}
      </ol>
      ${this.trouble ? html`<p class="said bad" role="alert">${this.trouble}</p>` : nothing}
      ${now ? this.changed(now) : nothing}
    `;
  }

  private changed(now: Step) {
    const percent = (value: number | null) => (value === null ? "" : `${(100 * value).toFixed(0)} %`);
    const row = (what: string, before: number | null, after: number) =>
      html`<tr>
        <th scope="row">${what}</th>
        <td>${percent(before)}</td>
        <td>${percent(after)}</td>
      </tr>`;
    return html`
      <p class="said" role="status">${now.line}</p>
      <div class="two">
        <figure>
          <img src=${now.real} alt="The minibatch's real pictures" />
          <figcaption class="small quiet">x, from the data</figcaption>
        </figure>
        <figure>
          <img src=${now.fake} alt="G's pictures of the minibatch" />
          <figcaption class="small quiet">G(z), this update's</figcaption>
        </figure>
        <table>
          <caption class="small quiet">
            D's mean belief on this minibatch
          </caption>
          <thead>
            <tr>
              <td></td>
              <th scope="col">before</th>
              <th scope="col">after</th>
            </tr>
          </thead>
          <tbody>
            ${row("D(x)", now.D_x_before, now.D_x)} ${row("D(G(z))", now.D_Gz_before, now.D_Gz)}
          </tbody>
        </table>
        <dl class="small">
          <dt>D's weights moved by</dt>
          <dd>${now.moved.D.toFixed(2)} %</dd>
          <dt>G's weights moved by</dt>
          <dd>${now.moved.G.toFixed(2)} %</dd>
          <dt>fixed samples changed by</dt>
          <dd>${now.difference.toFixed(1)} grey levels</dd>
          ${
            now.loss_D === null
              ? nothing
              : html`<dt>D's loss</dt>
                  <dd>${now.loss_D.toFixed(3)}</dd>`
          }
          ${
            now.loss_G === null
              ? nothing
              : html`<dt>G's loss</dt>
                  <dd>${now.loss_G.toFixed(3)}</dd>`
          }
        </dl>
        ${
          now.before
            ? html`<figure>
                <img src=${now.before} alt="Fixed samples before this update" />
                <figcaption class="small quiet">fixed samples, before</figcaption>
              </figure>`
            : nothing
        }
        <figure>
          <img src=${now.after} alt="Fixed samples after this update" />
          <figcaption class="small quiet">fixed samples, after</figcaption>
        </figure>
      </div>
      ${this.history.length > 2 ? this.curve() : nothing}
    `;
  }

  /** D(x) and D(G(z)) over the updates: at equilibrium both are a half. */
  private curve() {
    const [width, height] = [600, 90];
    const line = (of: (step: Step) => number) =>
      this.history
        .map(
          (step, i) =>
            `${((i / (this.history.length - 1)) * width).toFixed(1)},${((1 - of(step)) * height).toFixed(1)}`,
        )
        .join(" ");
    return html`<figure class="curve">
      <svg
        viewBox="0 0 ${width} ${height}"
        role="img"
        aria-label="D's belief in real and in generated pictures over the updates"
        preserveAspectRatio="none"
      >
        <line x1="0" x2=${width} y1=${height / 2} y2=${height / 2} class="half"></line>
        <polyline points=${line(({ D_x }) => D_x)} class="real"></polyline>
        <polyline points=${line(({ D_Gz }) => D_Gz)} class="fake"></polyline>
      </svg>
      <figcaption class="small quiet">
        <span class="real">D(x)</span>, <span class="fake">D(G(z))</span>, and a half
      </figcaption>
    </figure>`;
  }

  static override styles = [
    shared,
    css`
      .bar {
        margin: 0.75rem 0;
      }
      .lines {
        background: var(--sunken);
        border-radius: 8px;
        padding: 0.5rem 0;
        margin-bottom: 0.75rem;
      }
      .lines li {
        padding: 0.15rem 0.75rem;
      }
      .here {
        background: var(--accent-soft);
        color: var(--accent);
        font-weight: 600;
      }
      .two {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr));
        gap: 1rem;
        margin-top: 0.75rem;
        align-items: start;
      }
      img {
        width: 100%;
        image-rendering: pixelated;
        border-radius: 4px;
        display: block;
      }
      table {
        border-collapse: collapse;
        width: 100%;
      }
      caption {
        text-align: left;
      }
      th,
      td {
        text-align: left;
        padding: 0.25rem 0.5rem;
        border-bottom: 1px solid var(--line);
      }
      dl {
        display: grid;
        grid-template-columns: 1fr auto;
        gap: 0.25rem 1rem;
      }
      .curve svg {
        width: 100%;
        height: 90px;
        background: var(--sunken);
        border-radius: 6px;
        margin-top: 1rem;
      }
      polyline {
        fill: none;
        stroke-width: 2;
        vector-effect: non-scaling-stroke;
      }
      polyline.real {
        stroke: var(--curve-1);
      }
      polyline.fake {
        stroke: var(--curve-2);
        stroke-dasharray: 5 3;
      }
      span.real {
        color: var(--curve-1);
      }
      span.fake {
        color: var(--curve-2);
      }
      .half {
        stroke: var(--line-strong);
        stroke-dasharray: 2 4;
        vector-effect: non-scaling-stroke;
      }
    `,
  ];
}
