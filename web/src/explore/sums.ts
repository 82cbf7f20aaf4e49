// Arithmetic on pictures: trays of them, each tray's mean, the sum of the means, and its eight neighbours.
// Radford et al., section 6.3.2 and figure 7: means of three for each concept; neighbours differ by U(-0.25, 0.25).
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";

import { type Point, format } from "../core/latents.ts";
import { combine, mean } from "../core/mixing.ts";
import { shared } from "../style.ts";
import "./picture.ts";
import { Panel, drag, dragged, fullWords, over } from "./session.ts";
import type { Tray } from "./state.ts";

const AROUND = [1, 2, 3, 4, 0, 5, 6, 7, 8]; // the noise's seeds; 0: the sum itself, in the middle

@customElement("explore-sums")
export class Sums extends Panel {
  @state() private naming = "";
  @state() private trouble = "";

  private add(tray: number, words: string): void {
    if (!words || this.generator.wrong(words)) return;
    this.put(tray, [...this.state.trays[tray]!.points, words]);
  }

  private put(tray: number, points: string[]): void {
    const trays = this.state.trays.map((one, i) => (i === tray ? { ...one, points } : one));
    const sum = this.sum(trays);
    this.session.set({ trays, ...(sum && { point: format(sum) }) });
  }

  private mean(tray: Tray): Point | null {
    return tray.points.length ? mean(tray.points.map((words) => this.generator.parse(words))) : null;
  }

  private sum(trays: Tray[]): Point | null {
    const parts = trays.flatMap((tray) => {
      const point = this.mean(tray);
      return point ? [{ point, weight: tray.sign }] : [];
    });
    return parts.length ? combine(parts) : null;
  }

  private async save(sum: Point): Promise<void> {
    const name = this.naming.trim().replaceAll(" ", "-");
    this.trouble = "";
    if (!/^[\p{L}\p{N}_.-]*[\p{L}\p{N}_]$/u.test(name) || /^[zn]\.\d+$/.test(name)) {
      this.trouble = "A name is letters, digits, _ . and -, and ends in one of the first three.";
      return;
    }
    const words = format({ ...this.generator.parse(fullWords(this.session, format(sum))), label: null });
    try {
      if (this.session.server) {
        this.generator.name(name, Float32Array.from(await this.session.server.save(name, words)));
        this.session.set({ weights: { ...this.state.weights, [name]: 0 } });
      } else {
        this.session.set({
          names: { ...this.state.names, [name]: words },
          weights: { ...this.state.weights, [name]: 0 },
        });
      }
      this.naming = "";
      this.session.say(`Saved as #${name}; it has a slider now.`);
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    }
  }

  private tray(tray: Tray, i: number) {
    const point = this.mean(tray);
    const words = point && format(point);
    const kind = tray.sign > 0 ? "plus" : "minus";
    return html`<section
      class="tray ${kind}"
      aria-label="Tray ${i + 1}, ${kind}"
      @dragover=${over}
      @drop=${(e: DragEvent) => {
        e.preventDefault();
        this.add(i, dragged(e));
      }}
    >
      <div class="row spread">
        <button
          class="sign"
          title="Change the sign"
          aria-label="Tray ${i + 1} counts ${kind}. Change its sign."
          @click=${() => {
            const trays = this.state.trays.map((one, j): Tray =>
              j === i ? { ...one, sign: one.sign > 0 ? -1 : 1 } : one,
            );
            const sum = this.sum(trays);
            this.session.set({ trays, ...(sum && { point: format(sum) }) });
          }}
        >
          ${tray.sign > 0 ? "+" : "−"}
        </button>
        <button class="bare small" @click=${() => this.add(i, this.state.point)}>Add the chosen</button>
      </div>
      <ul class="held">
        ${tray.points.map(
          (one, j) =>
            html`<li>
              <button
                class="out"
                title="${one}: take it out"
                aria-label="Take ${one} out of tray ${i + 1}"
                @click=${() =>
                  this.put(
                    i,
                    tray.points.filter((_, k) => k !== j),
                  )}
              >
                <dcgan-picture
                  .generator=${this.generator}
                  words=${one}
                  .off=${this.state.off}
                  aria-hidden="true"
                ></dcgan-picture>
              </button>
            </li>`,
        )}
        ${tray.points.length ? nothing : html`<li class="empty small quiet">Drop pictures here</li>`}
      </ul>
      ${
        words && tray.points.length > 1
          ? html`<figure class="mean">
              <dcgan-picture
                .generator=${this.generator}
                words=${words}
                .off=${this.state.off}
                draggable="true"
                @dragstart=${drag(words)}
                name="Mean of tray ${i + 1}"
              ></dcgan-picture>
              <figcaption class="small quiet">their mean</figcaption>
            </figure>`
          : nothing
      }
    </section>`;
  }

  override render() {
    const { state } = this;
    const sum = this.sum(state.trays);
    return html`
      <p class="quiet">Put pictures into the trays: three of a kind in each is what the paper took.</p>
      <div class="trays">
        ${state.trays.map((tray, i) => this.tray(tray, i))}
        ${
          state.trays.length < 6
            ? html`<button
                class="more"
                @click=${() => this.session.set({ trays: [...state.trays, { sign: 1, points: [] }] })}
              >
                Another tray
              </button>`
            : nothing
        }
      </div>
      ${sum ? this.result(sum) : nothing}
    `;
  }

  private result(sum: Point) {
    const { state, generator } = this;
    return html`
      <div class="result">
        <div>
          <h3 id="sum">The sum, and its eight neighbours</h3>
          <div class="nine" role="group" aria-labelledby="sum">
            ${AROUND.map((seed) => {
              const words = format(seed ? { ...sum, noise: [...sum.noise, seed] } : sum);
              return html`<button
                class="tile ${seed ? "" : "middle"}"
                aria-label=${seed ? `Neighbour ${seed}` : "The sum"}
                title=${words}
                draggable="true"
                @dragstart=${drag(words)}
                @click=${() => this.session.keep(words)}
              >
                <dcgan-picture
                  .generator=${generator}
                  words=${words}
                  .off=${state.off}
                  aria-hidden="true"
                ></dcgan-picture>
              </button>`;
            })}
          </div>
        </div>
        <form
          class="card"
          @submit=${(e: Event) => {
            e.preventDefault();
            void this.save(sum);
          }}
        >
          <h3>Save it as a direction</h3>
          <p class="small quiet">Smiling minus not smiling is a direction: on a slider, it moves any picture.</p>
          <div class="row">
            <label class="unseen" for="name">Name of the direction</label>
            <span aria-hidden="true">#</span
            ><input
              id="name"
              type="text"
              placeholder="smile"
              .value=${this.naming}
              @input=${(e: Event) => (this.naming = (e.target as HTMLInputElement).value)}
            />
            <button ?disabled=${!this.naming.trim()}>Save</button>
          </div>
          ${this.trouble ? html`<p class="said bad small" role="alert">${this.trouble}</p>` : nothing}
        </form>
      </div>
    `;
  }

  static override styles = [
    shared,
    css`
      .trays {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr));
        gap: 0.75rem;
        margin: 0.75rem 0 1.25rem;
      }
      .tray {
        border: 1px dashed var(--line-strong);
        border-radius: var(--radius);
        padding: 0.6rem;
        min-height: 9rem;
      }
      .sign {
        font: 700 1.2rem/1 var(--font);
        width: 2.25rem;
        padding: 0;
      }
      .plus .sign {
        color: var(--good);
        background: var(--good-soft);
      }
      .minus .sign {
        color: var(--bad);
        background: var(--bad-soft);
      }
      .held {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(3rem, 1fr));
        gap: 0.35rem;
        margin: 0.5rem 0;
      }
      .empty {
        grid-column: 1 / -1;
        text-align: center;
        padding: 0.75rem 0;
      }
      .out {
        padding: 0;
        border: 0;
        display: block;
        width: 100%;
        border-radius: 4px;
      }
      .out:hover,
      .out:focus-visible {
        outline: 2px solid var(--bad);
      }
      .mean {
        width: 5rem;
        margin: 0 auto;
        text-align: center;
      }
      .more {
        border-style: dashed;
        color: var(--quiet);
        min-height: 9rem;
      }
      .result {
        display: grid;
        grid-template-columns: minmax(0, 24rem) minmax(14rem, 1fr);
        gap: 1.25rem;
        align-items: start;
      }
      .nine {
        display: grid;
        grid-template-columns: repeat(3, 1fr);
        gap: 6px;
        margin-top: 0.5rem;
      }
      .tile {
        padding: 0;
        border: 0;
        border-radius: 6px;
        display: block;
      }
      .tile:hover,
      .tile:focus-visible {
        outline: 2px solid var(--accent);
        outline-offset: 1px;
      }
      .middle {
        outline: 3px solid var(--accent);
      }
      form {
        display: grid;
        gap: 0.6rem;
      }
      form input {
        width: 9rem;
      }
      @media (max-width: 700px) {
        .result {
          grid-template-columns: 1fr;
        }
      }
    `,
  ];
}
