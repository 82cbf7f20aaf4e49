// What the explorer's tools share: the generator, the state, and the few things that one does with a picture.
import { LitElement } from "lit";
import { property, state } from "lit/decorators.js";

import { download, png } from "../core/files.ts";
import type { Generator, Picture } from "../core/generator.ts";
import { format, labelOf, seedPoint } from "../core/latents.ts";
import { expand } from "../core/mixing.ts";
import type { Host, Server } from "./host.ts";
import { type State, offWords } from "./state.ts";

export interface Session {
  readonly host: Host;
  readonly generator: Generator;
  readonly server: Server | null;
  readonly state: State;
  /** Change the state; `replace` while something is dragged, so that the browser's Back does not retrace it. */
  set(change: Partial<State>, replace?: boolean): void;
  choose(words: string): void;
  keep(words: string, name?: string): void;
  /** Words for people: a sentence at the page's foot, and for screen readers. */
  say(sentence: string): void;
}

/** A tool of the explorer: it shows the session's state and is drawn anew whenever that changes. */
export abstract class Panel extends LitElement {
  @property({ attribute: false }) session!: Session;
  @property({ attribute: false }) state!: State;

  protected get generator(): Generator {
    return this.session.generator;
  }

  /** A picture of this size, as CSS has it. */
  protected get ratio(): string {
    const [height, width] = this.generator.about.size;
    return `aspect-ratio: ${width} / ${height}`;
  }

  protected classOf(words: string): number | null {
    const { classes } = this.generator.about;
    return classes ? labelOf(this.generator.parse(words), classes) : null;
  }
}

const REST = 250; // ms: a hand may be on a slider

/** A panel that asks Python about the chosen picture, once the hand rests. */
export abstract class Asking extends Panel {
  @state() protected trouble = "";
  @state() protected busy = false;
  private asked = "";

  /** `current`: whether this is still the picture; answers that come too late are let go. */
  protected abstract ask(picture: Picture, label: number | null, server: Server, current: () => boolean): Promise<void>;

  override updated(): void {
    const { server, generator, state } = this.session;
    const key = `${state.point} ${JSON.stringify(state.off)}`;
    if (!server || key === this.asked || generator.wrong(state.point)) return;
    this.asked = key;
    setTimeout(() => key === this.asked && void this.rested(server, () => key === this.asked), REST);
  }

  private async rested(server: Server, current: () => boolean): Promise<void> {
    this.busy = true;
    this.trouble = "";
    try {
      const { point, off } = this.state;
      await this.ask(await this.generator.picture(point, off), this.classOf(point), server, current);
    } catch (error) {
      if (current()) this.trouble = error instanceof Error ? error.message : String(error);
    } finally {
      if (current()) this.busy = false;
    }
  }
}

export const seedWords = (seed: number, label: number | null = null) => format(seedPoint(seed, label));

/** Words that the command draws too: #names that live in this address alone are written out. */
export function fullWords(session: Session, words: string): string {
  const { generator, state } = session;
  try {
    return format(expand(generator.parse(words), state.names, generator.about.classes));
  } catch {
    return words;
  }
}

/** What a picture carries in its file: the keys of `dcgan sample`. */
export function recipe(session: Session, words: string[]): Record<string, string> {
  const { run, step } = session.generator.about;
  const off = offWords(session.state.off);
  return {
    "dcgan:run": run,
    "dcgan:step": String(step),
    "dcgan:points": words.map((one) => fullWords(session, one)).join("\n"),
    ...(off && { "dcgan:off": off }),
  };
}

/** The command that draws the same. */
export function command(session: Session, words: string[]): string {
  const off = offWords(session.state.off);
  // With =, since words may begin with a minus, as a flag does.
  const points = words.map((one) => ` --point=${quoted(fullWords(session, one))}`).join("");
  const { path, run } = session.generator.about;
  return `dcgan sample ${quoted(path ?? run)}${points}${off && ` --off '${off}'`}`;
}

const quoted = (words: string) => (/^[\w./:-]+$/.test(words) ? words : `'${words.replaceAll("'", `'\\''`)}'`);

export async function save(session: Session, picture: Picture, words: string[], name = ""): Promise<void> {
  const file =
    (name || words[0] || "picture")
      .replace(/[^\w.-]+/g, "_")
      .replace(/^_+|_+$/g, "")
      .slice(0, 60) || "picture";
  download(await png(picture, recipe(session, words)), `${file}.png`);
  session.say(`Saved ${file}.png, with its recipe inside.`);
}

// Pictures are dragged as their words.

export function dragged(event: DragEvent): string {
  return event.dataTransfer?.getData("text/plain") ?? "";
}

export function drag(words: string): (event: DragEvent) => void {
  return (event) => {
    event.dataTransfer?.setData("text/plain", words);
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "copy";
  };
}

export function over(event: DragEvent): void {
  event.preventDefault();
  if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
}
