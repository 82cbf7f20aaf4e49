// The studio's routes for the explorer (dcgan/studio/explore.py), as functions.
import type { About, Picture } from "../core/generator.ts";
import type { Direction, Inverted, MapsOfD, Nearest, Opinion, Server, Step } from "./host.ts";

export interface Listed {
  name: string;
  about: string; // in words
  ready: boolean; // something is saved in it
}

const url = (path: string, query: Record<string, string | number | null> = {}) => {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== null) words.set(name, String(value));
  return `./api/explore/${path}?${words}`;
};

/** An answer, or an Error that says in a sentence what went wrong. */
async function answer(asked: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await asked;
  } catch {
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Error((said as { error?: string }).error ?? `The studio answered ${response.status}.`);
}

const get = async <T>(path: string, query = {}): Promise<T> =>
  (await answer(fetch(url(path, query)))).json() as Promise<T>;

const post = async <T>(path: string, query: Record<string, string | number | null>, body?: BodyInit): Promise<T> =>
  (
    await answer(
      fetch(url(path, query), {
        method: "POST",
        body: body ?? null,
        headers: { "content-type": "application/octet-stream" },
      }),
    )
  ).json() as Promise<T>;

export const runs = () => get<Listed[]>("runs");
export const about = (run: string) => get<About>("about", { run });
export const model = async (run: string, step: number) =>
  (await answer(fetch(url("generator", { run, step })))).arrayBuffer();

export const serverOf = (run: string): Server => ({
  directions: () => get<Direction[]>("directions", { run }),
  save: async (name, words) => (await post<{ z: number[] }>("points", { run, name, words })).z,
  opinion: (picture, label) => post<Opinion>("opinion", { run, label }, picture.pixels),
  nearest: (picture) => post<Nearest>("nearest", { run }, picture.pixels),
  maps: (picture: Picture, label) => post<MapsOfD>("maps", { run, label }, picture.pixels),
  invert: (file, name) => post<Inverted>("invert", { run, name }, file),
  step: (what, session) => post<Step & { session: string }>("step", { run, what, session }),
});
