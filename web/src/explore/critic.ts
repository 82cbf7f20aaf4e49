// D's view of a picture: its score, what in it raises the score (guided backprop), and the nearest training pictures.
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";

import type { Picture } from "../core/generator.ts";
import { shared } from "../style.ts";
import type { Nearest, Opinion, Server } from "./host.ts";
import "./picture.ts";
import { Asking } from "./session.ts";

@customElement("explore-critic")
export class Critic extends Asking {
  @state() private opinion: Opinion | null = null;
  @state() private nearest: Nearest | null = null;
  @state() private inverting = "";

  protected async ask(picture: Picture, label: number | null, server: Server, current: () => boolean): Promise<void> {
    const opinion = await server.opinion(picture, label);
    if (!current()) return;
    this.opinion = opinion;
    const nearest = await server.nearest(picture);
    if (current()) this.nearest = nearest;
  }

  private async invert(file: File | undefined): Promise<void> {
    if (!file || !this.session.server) return;
    this.inverting = file.name;
    this.trouble = "";
    try {
      const name =
        file.name
          .replace(/\.[^.]*$/, "")
          .replace(/[^\w-]+/g, "-")
          .replace(/^-+|-+$/g, "")
          .slice(0, 40) || "mine";
      const found = await this.session.server.invert(file, name);
      this.generator.name(found.name, Float32Array.from(found.z));
      this.session.keep(`#${found.name}`, file.name);
      this.session.say(
        `${file.name} is #${found.name} now: ${found.difference.toFixed(1)} grey levels from it on average.`,
      );
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    } finally {
      this.inverting = "";
    }
  }

  override render() {
    const { generator, state, opinion } = this;
    if (!this.session.server) return html`<p class="said">D's view is not here: ${this.session.host.without}</p>`;
    const sure = opinion ? Math.round(100 * opinion.probability) : 0;
    return html`
      <p class="quiet">What the discriminator makes of the chosen picture.</p>
      <div class="top">
        <figure>
          <dcgan-picture .generator=${generator} words=${state.point} .off=${state.off} urgent></dcgan-picture>
          <figcaption class="small quiet">the picture</figcaption>
        </figure>
        <figure>
          ${
            opinion
              ? html`<img src=${opinion.guided} alt="What in it raises D's score: bright is for, dark against" />`
              : html`<div class="hole"></div>`
          }
          <figcaption class="small quiet">what speaks for it (guided backprop)</figcaption>
        </figure>
        <div class="score" aria-busy=${this.busy}>
          ${
            opinion
              ? html`<p><span class="big">${sure} %</span> sure that it is real</p>
                  <meter min="0" max="100" value=${sure} aria-label="D's belief"></meter>
                  <p class="small quiet">D's logit is ${opinion.logit.toFixed(2)}; above 0 it believes.</p>`
              : html`<p class="quiet">${this.busy ? "Asking D …" : ""}</p>`
          }
        </div>
      </div>
      <h3>Nearest training pictures</h3>
      <p class="small quiet" role="status">${this.nearest?.measure ?? "Looking through the training pictures …"}</p>
      <ul class="nearest">
        ${this.nearest?.nearest.map(
          ({ image, distance }, i) =>
            html`<li>
              <img src=${image} alt="Training picture ${i + 1}" /><span class="small mono">${distance.toFixed(1)}</span>
            </li>`,
        )}
      </ul>
      <h3>A picture of your own</h3>
      <label
        class="drop ${this.inverting ? "busy" : ""}"
        @dragover=${(e: DragEvent) => e.preventDefault()}
        @drop=${(e: DragEvent) => {
          e.preventDefault();
          void this.invert(e.dataTransfer?.files[0]);
        }}
      >
        <input
          type="file"
          class="unseen"
          accept="image/*"
          ?disabled=${!!this.inverting}
          @change=${(e: Event) => {
            const input = e.target as HTMLInputElement;
            void this.invert(input.files?.[0]);
            input.value = "";
          }}
        />
        ${
          this.inverting
            ? html`<span role="status">Looking for the point that draws ${this.inverting} …</span>`
            : html`<span
                ><strong>Choose a picture</strong>, or drop one here. The point whose picture is most like it is found,
                and joins your bench.</span
              >`
        }
      </label>
      ${this.trouble ? html`<p class="said bad" role="alert">${this.trouble}</p>` : nothing}
    `;
  }

  static override styles = [
    shared,
    css`
      .top {
        display: grid;
        grid-template-columns: repeat(2, minmax(7rem, 13rem)) minmax(10rem, 1fr);
        gap: 1rem;
        margin: 0.75rem 0;
        align-items: start;
      }
      img {
        width: 100%;
        image-rendering: pixelated;
        border-radius: 4px;
        display: block;
      }
      .hole {
        aspect-ratio: 1;
        background: var(--sunken);
        border-radius: 4px;
      }
      .big {
        font-size: 2.25rem;
        font-weight: 700;
        line-height: 1;
      }
      meter {
        width: 100%;
        max-width: 16rem;
        height: 1rem;
      }
      h3 {
        margin: 1.25rem 0 0.35rem;
      }
      .nearest {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(5rem, 6.5rem));
        gap: 0.6rem;
        text-align: center;
      }
      .drop {
        display: grid;
        place-items: center;
        text-align: center;
        min-height: 6rem;
        padding: 1rem;
        border: 2px dashed var(--line-strong);
        border-radius: var(--radius);
        cursor: pointer;
      }
      .drop:hover,
      .drop:focus-within {
        border-color: var(--accent);
      }
      .said {
        margin-top: 0.75rem;
      }
      @media (max-width: 700px) {
        .top {
          grid-template-columns: 1fr 1fr;
        }
        .score {
          grid-column: 1 / -1;
        }
      }
    `,
  ];
}
