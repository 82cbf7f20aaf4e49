// Explore: the generator in the browser, so that dragging is drawing.
import { LitElement, html } from "lit";
import { customElement, property } from "lit/decorators.js";

import { shared } from "../style.ts";

@customElement("dcgan-explore")
export class Explore extends LitElement {
  @property({ attribute: false }) query = new URLSearchParams();

  override render() {
    return html`<p class="card quiet">Nothing to explore yet.</p>`;
  }

  static override styles = [shared];
}
