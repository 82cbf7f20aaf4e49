// Watch: runs as they learn.
import { LitElement, html } from "lit";
import { customElement, property } from "lit/decorators.js";

import { shared } from "../style.ts";

@customElement("dcgan-watch")
export class Watch extends LitElement {
  @property({ attribute: false }) query = new URLSearchParams();

  override render() {
    return html`<p class="card quiet">Nothing to watch yet.</p>`;
  }

  static override styles = [shared];
}
