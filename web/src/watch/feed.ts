// The live line, kept up: it says which runs are watched, takes what comes, and comes back after a break.
import { type Brief, Run, type RunMessage } from "./model.ts";

const PATIENCE = [0.5, 1, 2, 4, 8]; // seconds before another try
const FRESH = 0.2; // seconds between two drawings of what comes

export type Connection = "connecting" | "open" | "lost";

export class Feed extends EventTarget {
  runs: Brief[] | null = null; // null until told
  folder = "";
  connection: Connection = "connecting";
  private known = new Map<string, Run>();
  private names: string[] = [];
  private socket?: WebSocket;
  private tries = 0;
  private timer = 0;
  private shown = -Infinity; // when a change was told last
  private closed = false;

  open(): void {
    this.closed = false;
    const address = new URL("api/live", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.connection = "open";
      this.ask();
      this.changed();
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data as string));
    socket.onclose = () => {
      if (this.closed || socket !== this.socket) return;
      this.connection = "lost";
      this.changed();
      const wait = PATIENCE[Math.min(this.tries++, PATIENCE.length - 1)]!;
      window.setTimeout(() => !this.closed && socket === this.socket && this.open(), wait * 1000);
    };
  }

  close(): void {
    this.closed = true;
    this.socket?.close();
  }

  /** Watch these, and return them as far as they are known. */
  watch(names: readonly string[]): Run[] {
    if (names.join("\n") !== this.names.join("\n")) {
      this.names = [...names];
      // What is not watched is not kept up, and is told whole when it is watched again.
      for (const name of this.known.keys()) if (!names.includes(name)) this.known.delete(name);
      this.ask();
    }
    return names.map((name) => this.run(name));
  }

  private run(name: string): Run {
    let run = this.known.get(name);
    if (!run) this.known.set(name, (run = new Run(name)));
    run.brief = this.runs?.find((brief) => brief.name === name) ?? run.brief;
    return run;
  }

  private ask(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ watch: this.names }));
  }

  private take(message: RunMessage | { runs: Brief[]; folder: string }): void {
    if ("runs" in message) {
      this.runs = message.runs;
      this.folder = message.folder;
    } else if (this.names.includes(message.run)) this.run(message.run).take(message);
    this.changed();
  }

  /** The first change is shown at once, those that follow it closely together. */
  private changed(): void {
    if (this.timer) return;
    const wait = Math.max(0, this.shown + FRESH * 1000 - performance.now());
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.shown = performance.now();
      this.dispatchEvent(new Event("change"));
    }, wait);
  }
}

/** Ask the studio to do something; throws what it says against it. */
export async function post(what: "stop" | "continue", body: Record<string, unknown>): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(`./api/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (!answer.ok) {
    const said = (await answer.json().catch(() => ({}))) as { error?: string };
    throw new Error(said.error ?? `The studio refused (${answer.status}).`);
  }
}

export const sheetAddress = (run: string, step: number, version: number): string =>
  `./api/sample?run=${encodeURIComponent(run)}&step=${step}&v=${version}`;
