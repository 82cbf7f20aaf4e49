// Sliders: saved directions, the strongest directions of an early layer, and each latent number alone.
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";

import { format } from "../core/latents.ts";
import { combine } from "../core/mixing.ts";
import { shared } from "../style.ts";
import "./picture.ts";
import { Panel } from "./session.ts";

const REACH = { saved: 2, direction: 4, z: 2 };

@customElement("explore-sliders")
export class Sliders extends Panel {
  @state() private raw = false;
  @state() private looking = false;
  @state() private trouble = "";

  /** The strongest directions are found when they are first wanted. */
  override async firstUpdated(): Promise<void> {
    const { generator, server } = this.session;
    if (!server || generator.about.directions.length) return;
    this.looking = true;
    try {
      const found = await server.directions();
      for (const { name, z } of found) generator.name(name, Float32Array.from(z));
      generator.about.directions = found.map(({ name, share }) => ({ name, share }));
      this.session.set({}, true); // whose words may name them
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    }
    this.looking = false;
  }

  private get base(): string {
    const base = this.state.base || this.state.point;
    return this.generator.wrong(base) ? "0" : base;
  }

  private move(name: string, weight: number): void {
    const weights = { ...this.state.weights, [name]: weight };
    this.session.set({ base: this.base, weights, point: moved(this.base, weights, this) }, true);
  }

  private reset(): void {
    const weights = Object.fromEntries(Object.keys(this.state.weights).map((name) => [name, 0]));
    this.session.set({ weights, point: this.base });
  }

  private slider(name: string, title: string, reach: number, note = "") {
    const weight = this.state.weights[name] ?? 0;
    const id = `w-${name}`;
    return html`<div class="slider">
      <label for=${id} title="#${name}"
        >${title}${note ? html` <span class="quiet small">${note}</span>` : nothing}</label
      >
      <input
        id=${id}
        type="range"
        min=${-reach}
        max=${reach}
        step="0.05"
        .value=${String(weight)}
        @input=${(e: Event) => this.move(name, Number((e.target as HTMLInputElement).value))}
        @change=${() => this.session.set({})}
        @dblclick=${() => this.move(name, 0)}
      />
      <output class="mono small" for=${id}
        >${weight ? (weight > 0 ? "+" : "−") + Math.abs(weight).toFixed(2) : "0"}</output
      >
    </div>`;
  }

  override render() {
    const { generator, state } = this;
    const { directions, z_dim } = generator.about;
    const strongest = new Set(directions.map(({ name }) => name));
    const own = [...new Set([...generator.names.keys(), ...Object.keys(state.names)])].filter(
      (name) => !foundByPca(name),
    );
    return html`
      <div class="two">
        <div class="pictures">
          <figure>
            <dcgan-picture
              .generator=${generator}
              words=${this.base}
              .off=${state.off}
              name="Where the sliders begin: ${this.base}"
            ></dcgan-picture>
            <figcaption class="small quiet">where it begins</figcaption>
          </figure>
          <div class="row">
            <button @click=${() => this.reset()}>All to 0</button>
            <button
              @click=${() =>
                this.session.set({
                  base: state.point,
                  weights: Object.fromEntries(Object.keys(state.weights).map((name) => [name, 0])),
                })}
            >
              Begin here
            </button>
          </div>
          <p class="small quiet">
            Choose another picture on the bench: the sliders stay as they are, and move it instead.
          </p>
        </div>
        <div class="all">
          <h3>Saved</h3>
          ${
            own.length
              ? own.map((name) => this.slider(name, name, REACH.saved))
              : html`<p class="small quiet">None yet. Arithmetic saves directions.</p>`
          }
          <h3>Strongest</h3>
          ${
            directions.length
              ? directions.map(({ name, share }, i) =>
                  this.slider(name, `Direction ${i + 1}`, REACH.direction, `${(100 * share).toFixed(1)} %`),
                )
              : html`<p class="small quiet" role="status">
                  ${this.looking ? "Looking where its first layer varies most …" : this.trouble || "None were found for this run."}
                </p>`
          }
          ${
            strongest.size
              ? html`<p class="small quiet">
                  Where an early layer's activations vary most, and how much of it each direction holds.
                </p>`
              : nothing
          }
          <h3>
            <button class="bare" aria-expanded=${this.raw} @click=${() => (this.raw = !this.raw)}>
              ${this.raw ? "▾" : "▸"} Each of the ${z_dim} numbers of z
            </button>
          </h3>
          ${
            this.raw
              ? html`<div class="raw">
                  ${Array.from({ length: z_dim }, (_, i) => this.slider(`z.${i}`, `z ${i}`, REACH.z))}
                </div>`
              : nothing
          }
        </div>
      </div>
    `;
  }

  static override styles = [
    shared,
    css`
      .two {
        display: grid;
        grid-template-columns: minmax(8rem, 11rem) minmax(0, 1fr);
        gap: 1.5rem;
        align-items: start;
      }
      .pictures {
        display: grid;
        gap: 0.75rem;
      }
      h3 {
        margin: 1rem 0 0.35rem;
      }
      h3:first-child {
        margin-top: 0;
      }
      h3 button {
        padding-left: 0;
        font-weight: 600;
      }
      .slider {
        display: grid;
        grid-template-columns: minmax(7rem, 11rem) minmax(6rem, 1fr) 3.5rem;
        gap: 0.75rem;
        align-items: center;
      }
      .slider label {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      output {
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .raw {
        max-height: 26rem;
        overflow-y: auto;
        padding-right: 0.5rem;
      }
      @media (max-width: 700px) {
        .two {
          grid-template-columns: 1fr;
        }
        .pictures {
          grid-template-columns: 5rem 1fr;
          align-items: center;
        }
        .pictures p {
          grid-column: 1 / -1;
        }
        .slider {
          grid-template-columns: 6.5rem minmax(5rem, 1fr) 3.25rem;
          gap: 0.5rem;
        }
      }
    `,
  ];
}

/** Those that Python found are listed apart: pc1.2500 is the first one at step 2500. */
export const foundByPca = (name: string) => /^pc\d+\.\d+$/.test(name);

/** A picture moved by the sliders. */
export function moved(base: string, weights: Record<string, number>, panel: { session: Panel["session"] }): string {
  const { generator } = panel.session;
  return format(
    combine([
      { point: generator.parse(base), weight: 1 },
      ...Object.entries(weights).map(([name, weight]) => ({
        point: { terms: [{ weight: 1, of: name }], noise: [], label: null },
        weight,
      })),
    ]),
  );
}
