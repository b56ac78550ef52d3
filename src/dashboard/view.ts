import type { SampleGeneration } from "../train/progress.js";

// What the dashboard shows. Server and page keep it by the same rules: the server so that a page can be opened at any
// time, the page so that it needs nothing but what is new.

/** One step. A number that is not finite is null. */
export interface DashboardPoint {
  step: number;
  epoch: number;
  loss: number | null;
  /** Exponential moving average of the losses up to here. */
  smooth: number | null;
  learningRate: number;
  gradNorm: number | null;
  tokensPerSecond: number;
  /** Bytes. */
  rss: number | null;
}

export interface DashboardValidation {
  step: number;
  loss: number | null;
}

export interface DashboardSamples {
  step: number;
  samples: readonly SampleGeneration[];
}

export interface DashboardRun {
  totalSteps: number;
  samples: number;
  tokens: number;
  trainableParameters: number;
  /** Predicted, of the whole process, in bytes. */
  peakMemory: number;
  resumedFrom: number | null;
}

export interface DashboardView {
  /** Null until the training has begun. */
  run: DashboardRun | null;
  points: DashboardPoint[];
  validations: DashboardValidation[];
  samples: DashboardSamples[];
  /** Warnings and checkpoints, the latest last. */
  notes: string[];
  etaSeconds: number | null;
}

/** What the server tells its pages. */
export type DashboardMessage =
  | { type: "view"; view: DashboardView }
  | { type: "run"; run: DashboardRun }
  | { type: "point"; point: DashboardPoint; etaSeconds: number | null }
  | ({ type: "validation" } & DashboardValidation)
  | ({ type: "samples" } & DashboardSamples)
  | { type: "note"; text: string };

/** Points of a curve that are kept; more than a screen has columns. Even, so that thinning keeps both ends. */
const MOST_POINTS = 4000;
const MOST_NOTES = 50;
/** Validations whose samples are kept. */
const MOST_SAMPLES = 5;

export function emptyView(): DashboardView {
  return { run: null, points: [], validations: [], samples: [], notes: [], etaSeconds: null };
}

/** The view after a message; changes the lists of the given one. */
export function applyMessage(view: DashboardView, message: DashboardMessage): DashboardView {
  switch (message.type) {
    case "view":
      return message.view;
    case "run":
      return { ...view, run: message.run };
    case "point":
      view.points = append(view.points, message.point);
      return { ...view, etaSeconds: message.etaSeconds };
    case "validation":
      view.validations = append(view.validations, { step: message.step, loss: message.loss });
      return view;
    case "samples":
      view.samples = [...view.samples, { step: message.step, samples: message.samples }].slice(-MOST_SAMPLES);
      return view;
    case "note":
      view.notes = [...view.notes, message.text].slice(-MOST_NOTES);
      return view;
  }
}

/** With every other of the earlier ones when there are too many: a run of any length takes so much memory and no more. */
function append<T>(list: T[], item: T): T[] {
  list.push(item);
  return list.length > MOST_POINTS ? list.filter((_, i) => i % 2 === 0) : list;
}
