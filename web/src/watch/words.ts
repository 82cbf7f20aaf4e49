// Numbers and states as people read them.
import type { Brief } from "./model.ts";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (value: number): string => whole.format(value);

/** Three digits that count: 0.0123, 1.23, 99.5, 12,300. */
export function short(value: number | null | undefined): string {
  if (value == null) return "–";
  return Math.abs(value) >= 100 || value === 0 ? whole.format(value) : value.toPrecision(3);
}

export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return "–";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${Math.round(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${Math.round(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function ago(then: number | null | undefined, now: number): string {
  if (then == null) return "";
  const seconds = Math.max(0, now - then);
  return seconds < 2 ? "just now" : `${duration(seconds)} ago`;
}

export const STATUS: Record<Brief["status"], { name: string; tone: string }> = {
  training: { name: "training", tone: "good" },
  starting: { name: "starting", tone: "good" },
  finished: { name: "finished", tone: "" },
  stopped: { name: "stopped", tone: "warn" },
  imported: { name: "imported", tone: "" },
  damaged: { name: "damaged", tone: "bad" },
};

export function progress(brief: Brief): string {
  const step = `step ${count(brief.step ?? 0)}`;
  if (brief.steps) return `${step} of ${count(brief.steps)}`;
  if (brief.minutes) return `${step}, ${((brief.seconds ?? 0) / 60).toFixed(1)} of ${brief.minutes} min`;
  return step;
}

/** What D's two opinions say, for who does not read them every day. */
export function opinion(D_x: number | null | undefined, D_Gz: number | null | undefined): string {
  if (D_x == null || D_Gz == null || D_x < 0 || D_x > 1 || D_Gz < 0 || D_Gz > 1) return "";
  const apart = D_x - D_Gz;
  const how =
    apart > 0.9
      ? "D tells nearly all apart: there is little left for G to learn from"
      : apart > 0.5
        ? "D tells most of them apart"
        : apart > 0.15
          ? "D tells some of them apart, and G is close behind"
          : "D can hardly tell them apart";
  return `${how}. It believes a training picture by ${D_x.toFixed(2)} and a drawn one by ${D_Gz.toFixed(2)}; at equilibrium both are 0.50.`;
}
