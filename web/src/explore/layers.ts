// Through the layers: the chosen picture as it grows in G, map by map; and D's maps of it on the way down.
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";

import type { Picture } from "../core/generator.ts";
import { shared } from "../style.ts";
import type { MapsOfD, Server } from "./host.ts";
import { drawMap } from "./mosaic.ts";
import "./mosaic.ts";
import "./picture.ts";
import { Asking } from "./session.ts";

type Decoded = Omit<MapsOfD["layers"][number], "pixels"> & { pixels: Uint8Array };

const FIRST = 32; // maps of a layer, before one asks for all

@customElement("explore-layers")
export class Layers extends Asking {
  @state() private all = new Set<string>();
  @state() private down: { layers: Decoded[] } | null = null;

  override updated(): void {
    super.updated();
    for (const canvas of this.renderRoot.querySelectorAll<HTMLCanvasElement>("canvas.d")) {
      const [layer, map] = canvas.dataset["at"]!.split(":").map(Number) as [number, number];
      const found = this.down?.layers[layer];
      if (!found) continue;
      const size = found.height * found.width;
      drawMap(canvas, found.pixels.subarray(map * size, (map + 1) * size), found.height, found.width);
    }
  }

  protected async ask(picture: Picture, label: number | null, server: Server, current: () => boolean): Promise<void> {
    const down = await server.maps(picture, label);
    if (current()) this.down = { layers: down.layers.map((layer) => ({ ...layer, pixels: bytes(layer.pixels) })) };
  }

  private toggle(layer: number, map: number): void {
    const off = this.state.off[layer] ?? [];
    this.session.set({
      off: { ...this.state.off, [layer]: off.includes(map) ? off.filter((one) => one !== map) : [...off, map] },
    });
  }

  private more(key: string, count: number) {
    if (count <= FIRST) return nothing;
    const open = this.all.has(key);
    return html`<button
      class="bare small"
      aria-expanded=${open}
      @click=${() => {
        if (open) this.all.delete(key);
        else this.all.add(key);
        this.all = new Set(this.all);
      }}
    >
      ${open ? "Show fewer" : `Show all ${count}`}
    </button>`;
  }

  override render() {
    const { generator, state } = this;
    const { layers, size, channels } = generator.about;
    if (!layers.length) {
      return html`<p class="said">
        This network has no maps: its layers are plain vectors (Goodfellow et al., 2014).
      </p>`;
    }
    return html`
      <p class="quiet">
        From z to the picture: each layer doubles the side. Choose a map to switch it off, or on again.
      </p>
      ${layers.map(
        ([maps, height, width], i) =>
          html`<section aria-label="G's layer ${i + 1}">
            <div class="row spread">
              <h3>G · ${height}×${width} <span class="quiet">${maps} maps</span></h3>
              ${this.more(`g${i}`, maps)}
            </div>
            <explore-mosaic
              .generator=${generator}
              words=${state.point}
              .layer=${i}
              .off=${state.off[i] ?? []}
              .most=${this.all.has(`g${i}`) ? Infinity : FIRST}
              @map=${(e: CustomEvent<number>) => this.toggle(i, e.detail)}
            ></explore-mosaic>
          </section>`,
      )}
      <section class="picture">
        <h3>The picture · ${size.join("×")} <span class="quiet">${channels === 1 ? "grey" : "colour"}</span></h3>
        <dcgan-picture .generator=${generator} words=${state.point} .off=${state.off} urgent></dcgan-picture>
      </section>
      ${
        this.session.server
          ? this.down?.layers.map(
              ({ maps, height, width }, i) =>
                html`<section aria-label="D's layer ${i + 1}">
                  <div class="row spread">
                    <h3>D · ${height}×${width} <span class="quiet">${maps} maps</span></h3>
                    ${this.more(`d${i}`, maps)}
                  </div>
                  <div class="maps" role="img" aria-label="${maps} maps of D">
                    ${Array.from(
                      { length: this.all.has(`d${i}`) ? maps : Math.min(FIRST, maps) },
                      (_, map) =>
                        html`<canvas
                          class="d"
                          data-at="${i}:${map}"
                          width=${width}
                          height=${height}
                          title="Map ${map}"
                        ></canvas>`,
                    )}
                  </div>
                </section>`,
            )
          : html`<p class="said">D's maps of it, on the way down, are not here: ${this.session.host.without}</p>`
      }
      ${this.trouble ? html`<p class="said bad" role="alert">${this.trouble}</p>` : nothing}
    `;
  }

  static override styles = [
    shared,
    css`
      section {
        margin-top: 1rem;
      }
      .picture dcgan-picture {
        width: 10rem;
        margin-top: 0.5rem;
      }
      .maps {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(3.75rem, 1fr));
        gap: 6px;
        margin: 0.5rem 0;
      }
      canvas {
        width: 100%;
        image-rendering: pixelated;
        border-radius: 4px;
      }
    `,
  ];
}

const bytes = (base64: string) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
