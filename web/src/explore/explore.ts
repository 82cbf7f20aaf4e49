// Explore: the generator in the browser, so that dragging is drawing. This page's half; the explorer does the work.
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { LitElement, css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";

import { Generator } from "../core/generator.ts";
import { go } from "../route.ts";
import { shared } from "../style.ts";
import { paced } from "./address.ts";
import "./explorer.ts";
import type { Host } from "./host.ts";
import { type Listed, about, model, runs, serverOf } from "./server.ts";
import { type State, initial, read, write } from "./state.ts";

const AGAIN = 2000; // ms between looks for a run that can be opened

@customElement("dcgan-explore")
export class Explore extends LitElement {
  @property({ attribute: false }) query = new URLSearchParams();
  @state() private listed: Listed[] | null = null;
  @state() private host: Host | null = null;
  @state() private trouble = "";
  @state() private shown: State = initial();
  private written = "";
  private run = ""; // that is open, or being opened
  private later = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.look();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.later);
    this.leave();
    this.run = "";
  }

  private leave(): void {
    this.host?.generator.close();
    this.host = null;
  }

  /** The run of the address; without one, the first that can be opened, and then that one. */
  private get asked(): string {
    return this.query.get("run") ?? (this.run || this.listed?.find(({ ready }) => ready)?.name || "");
  }

  /** Whether it is known that nothing is saved in it yet. */
  private get waiting(): boolean {
    const { asked, listed } = this;
    return listed !== null && (!asked || listed.some(({ name, ready }) => name === asked && !ready));
  }

  /** Which runs there are; again and again until one is open. */
  private async look(): Promise<void> {
    try {
      this.listed = await runs();
      if (this.waiting) this.trouble = "";
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    }
    if (!this.run || !this.listed) this.again();
  }

  private again(): void {
    clearTimeout(this.later);
    if (this.isConnected) this.later = window.setTimeout(() => void this.look(), AGAIN);
  }

  override updated(changed: Map<string, unknown>): void {
    if (!changed.has("query") && !changed.has("listed")) return; // what was refused is asked again with the next list
    const { asked } = this;
    if (asked === this.run) return;
    this.run = this.waiting ? "" : asked;
    this.leave();
    if (this.run) void this.open(this.run);
    else this.again();
  }

  private async open(run: string): Promise<void> {
    try {
      const program = fetch(wasm).then((response) => response.arrayBuffer());
      const known = about(run);
      const content = known.then(({ step }) => model(run, step));
      const generator = await Generator.load(known, content, program);
      if (run !== this.run) return generator.close();
      this.host = { generator, server: serverOf(run), without: "" };
      this.trouble = "";
    } catch (error) {
      if (run !== this.run) return;
      this.trouble = error instanceof Error ? error.message : String(error);
      this.run = "";
      this.again();
    }
  }

  /** The address is read when it changes by another hand than ours: by a link, or the browser's Back. */
  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("query") || String(this.query) === this.written) return;
    this.written = String(this.query);
    this.shown = read(this.query);
    this.trouble = "";
  }

  private readonly address = paced((state: State, replace) => {
    const query = write(state, new URLSearchParams({ run: this.run }));
    this.written = String(query);
    go("explore", query, replace);
  });

  private onGo({ detail }: CustomEvent<{ state: State; replace: boolean }>): void {
    this.shown = detail.state;
    this.address(detail.state, detail.replace);
  }

  override render() {
    const { listed, asked } = this;
    return html`
      <h1 class="unseen">Explore</h1>
      ${
        listed && listed.length > 1
          ? html`<label class="row runs"
              >Run
              <select
                @change=${(e: Event) => go("explore", new URLSearchParams({ run: (e.target as HTMLSelectElement).value }))}
              >
                ${listed.map(
                  ({ name, about, ready }) =>
                    html`<option value=${name} ?selected=${name === asked} ?disabled=${!ready}>
                      ${name} · ${about}
                    </option>`,
                )}
              </select></label
            >`
          : ""
      }
      ${
        this.host
          ? html`<dcgan-explorer .host=${this.host} .state=${this.shown} @go=${this.onGo}></dcgan-explorer>`
          : this.trouble
            ? html`<p class="said bad" role="alert">${this.trouble}</p>`
            : this.waiting
              ? html`<p class="card quiet">
                  Nothing to explore yet: ${asked ? `${asked} has not` : "no run here has"} saved its
                  generator. Once training saves, it opens here.
                </p>`
              : html`<p class="card quiet" role="status">Fetching the generator …</p>`
      }
    `;
  }

  static override styles = [
    shared,
    css`
      .runs {
        margin-bottom: 0.75rem;
      }
      .runs select {
        max-width: min(34rem, 80vw);
      }
    `,
  ];
}
