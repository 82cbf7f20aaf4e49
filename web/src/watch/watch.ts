// Watch: runs as they learn, beside each other, and a slider back through all of training.
// Its address: runs=a,b   step=1000 (without: the newest)   seed=17   from=..&to=.. (the stretch that charts show)
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";

import { go } from "../route.ts";
import { shared } from "../style.ts";
import type { Range } from "./chart.ts";
import "./column.ts";
import type { Column, Scales } from "./column.ts";
import { Feed } from "./feed.ts";
import { type CurveName, type Run, last, moments, quantile } from "./model.ts";
import "./runs.ts";
import { STATUS, count } from "./words.ts";

const FRAME = 125; // ms between two sheets while it plays
const FRAMES = 120; // that a whole training is played in, at most
const MOST = 8; // runs beside each other

@customElement("dcgan-watch")
export class Watch extends LitElement {
  @property({ attribute: false }) query = new URLSearchParams();
  @state() private fresh = 0;
  @state() private playing = false;
  @state() private told = "";
  private feed = new Feed();
  private timer = 0;
  private statuses = new Map<string, string>();
  private first = ""; // shown where the address names none

  override connectedCallback(): void {
    super.connectedCallback();
    this.feed.addEventListener("change", this.changed);
    this.feed.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.feed.removeEventListener("change", this.changed);
    this.feed.close();
    this.pause();
  }

  private changed = () => {
    this.fresh++;
    for (const brief of this.feed.runs ?? []) {
      const was = this.statuses.get(brief.name);
      if (was && was !== brief.status) this.told = `${brief.name} is ${STATUS[brief.status].name} now.`;
      this.statuses.set(brief.name, brief.status);
    }
    for (const run of this.chosen()) {
      const newest = run.findings.at(-1);
      const seen = `${run.name} ${newest?.name} ${newest?.step}`;
      if (newest && this.statuses.get(`finding ${run.name}`) !== seen) {
        this.told = `${run.name}: ${newest.words}`;
        this.statuses.set(`finding ${run.name}`, seen);
      }
    }
  };

  // What the address says

  private names(): string[] {
    const asked = this.query.get("runs");
    if (asked !== null) return asked.split(",").filter(Boolean).map(decodeName).slice(0, MOST);
    // Once chosen it stays, however the list's order changes as runs are written.
    const sound = (this.feed.runs ?? []).filter((brief) => brief.status !== "damaged").map(({ name }) => name);
    if (!sound.includes(this.first)) this.first = sound[0] ?? "";
    return this.first ? [this.first] : [];
  }

  private chosen(): Run[] {
    return this.feed.watch(this.names());
  }

  private number(name: string): number | null {
    const value = this.query.get(name);
    return value !== null && value !== "" && Number.isFinite(Number(value)) ? Number(value) : null;
  }

  private change(what: Record<string, string | number | null>, replace = false): void {
    const query = new URLSearchParams(this.query);
    // The runs that were shown of themselves stay, now that someone looks at them more closely.
    if (!query.has("runs") && this.names().length) query.set("runs", this.names().map(encodeName).join(","));
    for (const [name, value] of Object.entries(what))
      if (value === null) query.delete(name);
      else query.set(name, String(value));
    go("watch", query, replace);
  }

  private choose(names: string[]): void {
    this.change({ runs: names.slice(-MOST).map(encodeName).join(","), from: null, to: null });
  }

  // Through time

  private goTo(step: number): void {
    const newest = moments(this.chosen()).at(-1);
    this.change({ step: newest !== undefined && step >= newest ? null : Math.max(0, Math.round(step)) }, true);
  }

  private play(): void {
    const all = moments(this.chosen());
    if (all.length < 2) return;
    const stride = Math.max(1, Math.ceil(all.length / FRAMES));
    this.playing = true;
    if (this.number("step") === null) this.goTo(all[0]!);
    this.timer = window.setInterval(() => {
      const columns = [...this.renderRoot.querySelectorAll<Column>("dcgan-run")];
      if (columns.some((column) => column.busy)) return; // as fast as they come, and no faster
      const now = moments(this.chosen());
      const at = last(now, this.number("step") ?? Infinity) + stride;
      this.goTo(now[Math.min(at, now.length - 1)]!);
      if (at >= now.length - 1) this.pause();
    }, FRAME);
  }

  private pause(): void {
    clearInterval(this.timer);
    this.playing = false;
  }

  // The same axes for all

  private scales(runs: Run[]): Scales {
    const steps = runs.map((run) => Math.max(run.curves.step.at(-1) ?? 0, run.scores.step.at(-1) ?? 0));
    const newest = Math.max(1, ...steps);
    const [from, to] = [this.number("from"), this.number("to")];
    const across: Range = from !== null && to !== null && to > from ? [from, to] : [0, newest];
    const range = (part: "curves" | "scores", names: CurveName[]): Range => {
      const columns = runs.flatMap((run) => names.map((name) => run[part].columns[name]));
      const high = columns.map((column) => column && quantile(column.high, 0.98)).filter((value) => value != null);
      const low = columns.map((column) => column && quantile(column.low, 0.02)).filter((value) => value != null);
      if (!high.length) return [0, 1];
      const [bottom, top] = [Math.min(0, ...low), Math.max(...high)];
      return [bottom * 1.1, top > bottom ? top * 1.1 : bottom + 1];
    };
    const opinions = range("curves", ["D_x", "D_Gz"]);
    return {
      across,
      losses: range("curves", ["loss_D", "loss_G"]),
      opinions: opinions[0] >= 0 && opinions[1] <= 1.1001 ? [0, 1] : opinions,
      score: range("scores", ["score"]),
    };
  }

  private toolbar(runs: Run[]) {
    const all = moments(runs);
    const step = this.number("step");
    const at = Math.max(0, step === null ? all.length - 1 : last(all, step));
    const seed = this.number("seed");
    const zoomed = this.number("from") !== null;
    const live = step === null;
    const training = runs.some((run) => run.brief?.status === "training");
    return html`<div class="card toolbar" role="group" aria-label="Time">
      <button
        class="play"
        ?disabled=${all.length < 2}
        aria-label=${this.playing ? "Pause" : "Play all of training"}
        @click=${() => (this.playing ? this.pause() : this.play())}
      >
        ${this.playing ? "❚❚" : "▶"}
      </button>
      <input
        type="range"
        aria-label="Time: back through all of training"
        aria-valuetext="step ${count(all[at] ?? 0)}"
        min="0"
        max=${Math.max(0, all.length - 1)}
        .value=${String(at)}
        ?disabled=${all.length < 2}
        @input=${(event: InputEvent) => {
          this.pause();
          this.goTo(all[(event.target as HTMLInputElement).valueAsNumber] ?? 0);
        }}
      />
      <output class="mono">step ${count(all[at] ?? 0)}</output>
      <button aria-pressed=${String(live)} @click=${() => (this.pause(), this.change({ step: null }, true))}>
        ${training ? "Live" : "Newest"}
      </button>
      <label class="row seed"
        >Seed
        <input
          type="number"
          min="0"
          placeholder="all"
          .value=${seed === null ? "" : String(seed)}
          @change=${(event: Event) => {
            const value = (event.target as HTMLInputElement).value;
            this.change({ seed: value === "" ? null : Math.max(0, Math.round(Number(value))) });
          }}
        />
      </label>
      ${zoomed ? html`<button @click=${() => this.change({ from: null, to: null })}>All steps</button>` : nothing}
    </div>`;
  }

  private zoom(range: Range | null): void {
    const [from, to] = range ? range.map((step) => Math.max(0, Math.round(step))) : [null, null];
    if (range === null || to! > from!) this.change({ from: from ?? null, to: to ?? null });
  }

  private body(runs: Run[]) {
    const { feed } = this;
    if (!feed.runs) {
      return feed.connection === "lost"
        ? nothing // the banner says it
        : html`<p class="card quiet" role="status">Looking for runs …</p>`;
    }
    if (!feed.runs.length)
      return html`<div class="card empty">
        <h2>No runs here yet</h2>
        <p>
          This page shows what is trained in <code>${feed.folder}</code>. Begin with the built-in pictures, or your own,
          and they appear here by themselves:
        </p>
        <pre tabindex="0"><code>dcgan train --out ${feed.folder}/first
dcgan train photos/ --out ${feed.folder}/photos</code></pre>
      </div>`;
    if (!runs.length) return html`<p class="card quiet">Choose a run to watch, or several to see them beside each other.</p>`;
    const scales = this.scales(runs);
    const score = runs.some((run) => run.scores.step.length > 0);
    return html`
      ${this.toolbar(runs)}
      <div class="columns">
        ${runs.map(
          (run) =>
            html`<dcgan-run
              ?wide=${runs.length === 1}
              .run=${run}
              .scales=${scales}
              .step=${this.number("step")}
              .seed=${this.number("seed")}
              .score=${score}
              .closable=${runs.length > 1}
              .fresh=${this.fresh}
              @pick=${(event: CustomEvent<number>) => (this.pause(), this.goTo(event.detail))}
              @zoom=${(event: CustomEvent<Range | null>) => this.zoom(event.detail)}
              @seed=${(event: CustomEvent<number | null>) => this.change({ seed: event.detail })}
              @away=${() => this.choose(this.names().filter((name) => name !== run.name))}
            ></dcgan-run>`,
        )}
      </div>
    `;
  }

  override render() {
    const { feed } = this;
    const runs = this.chosen();
    return html`
      <h1 class="unseen">Watch</h1>
      <p class="unseen" role="status">${this.told}</p>
      ${feed.connection === "lost"
        ? html`<p class="said warn lost" role="alert">
            The studio does not answer; what you see is as it was. It is tried again by itself. If it was ended, start it
            anew with <code>dcgan studio</code>.
          </p>`
        : nothing}
      <div class="halves">
        ${feed.runs?.length && (feed.runs.length > 1 || !runs.length)
          ? html`<dcgan-runs
              .runs=${feed.runs}
              .chosen=${this.names()}
              @choose=${(event: CustomEvent<string[]>) => this.choose(event.detail)}
            ></dcgan-runs>`
          : nothing}
        <div class="body">${this.body(runs)}</div>
      </div>
    `;
  }

  static override styles = [
    shared,
    css`
      .halves {
        display: flex;
        gap: var(--gap);
        align-items: flex-start;
      }
      dcgan-runs {
        flex: 0 0 16.5rem;
        position: sticky;
        top: calc(3.25rem + var(--gap));
      }
      .body {
        flex: 1;
        min-width: 0;
        display: grid;
        gap: var(--gap);
        grid-template-columns: minmax(0, 1fr);
      }
      .toolbar {
        position: sticky;
        top: 3.25rem;
        z-index: 5;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.6rem;
        padding: 0.5rem var(--gap);
      }
      .toolbar input[type="range"] {
        flex: 1 1 12rem;
        min-width: 0;
      }
      .play {
        width: 2.75rem;
      }
      output {
        min-width: 6.5rem;
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .seed input {
        width: 4.75rem;
      }
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr));
        gap: var(--gap);
        align-items: start;
      }
      .lost {
        margin-bottom: var(--gap);
      }
      .empty {
        display: grid;
        gap: 0.75rem;
        justify-items: start;
        padding: 2rem;
        max-width: 44rem;
      }
      pre {
        margin: 0;
        padding: 0.75rem 1rem;
        max-width: 100%;
        overflow-x: auto;
        background: var(--sunken);
        border-radius: 8px;
      }
      @media (max-width: 900px) {
        .halves {
          flex-direction: column;
          align-items: stretch;
        }
        dcgan-runs {
          flex: none;
          position: static;
        }
      }
      @media (max-width: 640px) {
        .toolbar {
          gap: 0.4rem;
        }
      }
    `,
  ];
}

/** A comma would part it from the next. */
const encodeName = (name: string): string => name.replaceAll("%", "%25").replaceAll(",", "%2C");
const decodeName = (word: string): string => word.replaceAll("%2C", ",").replaceAll("%25", "%");
