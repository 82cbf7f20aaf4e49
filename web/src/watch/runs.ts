// The list of runs: one to watch by its name, several beside each other by their boxes.
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";

import { shared } from "../style.ts";
import { sheetAddress } from "./feed.ts";
import type { Brief } from "./model.ts";
import "./sheet.ts";
import { STATUS, count } from "./words.ts";

@customElement("dcgan-runs")
export class Runs extends LitElement {
  @property({ attribute: false }) runs: Brief[] = [];
  @property({ attribute: false }) chosen: string[] = [];

  private choose(names: string[]): void {
    this.dispatchEvent(new CustomEvent("choose", { detail: names }));
  }

  private toggle(name: string): void {
    const { chosen } = this;
    this.choose(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  }

  private row(brief: Brief) {
    const { name } = brief;
    const status = STATUS[brief.status];
    const on = this.chosen.includes(name);
    return html`<li class=${on ? "on" : ""}>
      <input
        type="checkbox"
        aria-label="${name} beside the others"
        title="Beside the others"
        .checked=${on}
        @change=${() => this.toggle(name)}
      />
      <button class="bare" aria-current=${String(on)} title=${brief.trouble ?? name} @click=${() => this.choose([name])}>
        ${brief.sample
          ? html`<dcgan-crop .address=${sheetAddress(name, ...brief.sample)} .size=${brief.size ?? [1, 1]}></dcgan-crop>`
          : html`<span class="none"></span>`}
        <span class="words">
          <span class="name">${name}</span>
          <span class="small quiet"
            ><span class="dot ${status.tone}" aria-hidden="true"></span>${status.name}${brief.status === "damaged"
              ? nothing
              : brief.status === "training" && brief.fraction != null
                ? html` · ${Math.floor(100 * brief.fraction)} %`
                : html` · ${count(brief.step ?? 0)} steps`}</span
          >
        </span>
      </button>
    </li>`;
  }

  override render() {
    const list = html`<ul>
      ${this.runs.map((brief) => this.row(brief))}
    </ul>`;
    return html`
      <nav class="card wide" aria-label="Runs">
        <h2>Runs</h2>
        ${list}
      </nav>
      <details class="card narrow">
        <summary>${this.runs.length} runs${this.chosen.length ? html`: ${this.chosen.join(", ")}` : nothing}</summary>
        ${list}
      </details>
    `;
  }

  static override styles = [
    shared,
    css`
      h2 {
        margin: 0 0 0.5rem 0.25rem;
      }
      .card {
        padding: 0.75rem 0.5rem;
      }
      .wide {
        max-height: calc(100vh - 3.25rem - 2 * var(--gap));
        overflow-y: auto;
      }
      .narrow {
        display: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: 0.25rem;
        padding-left: 0.4rem;
        border-radius: 8px;
      }
      li.on {
        background: var(--accent-soft);
      }
      button {
        flex: 1;
        min-width: 0;
        justify-content: flex-start;
        text-align: left;
        padding: 0.4rem;
        gap: 0.6rem;
        font-weight: 400;
      }
      dcgan-crop,
      .none {
        width: 40px;
        height: 40px;
        flex: none;
        overflow: hidden;
        border-radius: 6px;
        background: var(--sunken);
      }
      .words {
        display: grid;
        min-width: 0;
        line-height: 1.3;
      }
      .name {
        font-weight: 600;
      }
      .words > * {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .dot {
        display: inline-block;
        width: 0.5rem;
        height: 0.5rem;
        border-radius: 50%;
        margin-right: 0.35rem;
        background: var(--line-strong);
      }
      .dot.good {
        background: var(--good);
      }
      .dot.warn {
        background: var(--warn);
      }
      .dot.bad {
        background: var(--bad);
      }
      summary {
        cursor: pointer;
        padding: 0.15rem 0.5rem;
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      details[open] summary {
        margin-bottom: 0.5rem;
      }
      @media (max-width: 900px) {
        .wide {
          display: none;
        }
        .narrow {
          display: block;
        }
      }
    `,
  ];
}
