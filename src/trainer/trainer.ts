import type { CallContext, Described, Digest, Json } from '../core/index.js'
import type { Model, Rows, WeightsDirectory } from '../model/index.js'

/** Learns from rows, and loads what it learned. Function properties, so that parameters are checked strictly. */
export interface Trainer<I = string, T = string> extends Described {
  /** `'labels'`: targets are classes, so training needs two of them and must have seen every one that is judged. */
  readonly targets?: 'labels' | undefined
  /**
   * The format of its weights, such as `safetensors` or `ONNX`: a gate that does not accept it says so before the training.
   * Absent: known after the first training.
   */
  readonly weightsFormat?: string | undefined
  /** It starts from `FitRequest.base` where there is one. Absent: a pipeline that names a base refuses this trainer. */
  readonly warmStart?: true | undefined
  /** What decides the result beside `describe()`: package versions and the device's fingerprint. Part of the stage key, not of the source key. */
  readonly environment?: ((context: CallContext) => Promise<TrainerEnvironment>) | undefined
  /**
   * Writes a complete weights directory into `request.directory`, and nothing if it fails.
   *
   * @throws `train-diverged` where a loss or a weight is not finite; `dataset-invalid` where the rows cannot be learned from;
   * `artifact-corrupt` for a base that is not what this trainer writes.
   */
  readonly fit: (request: FitRequest<I, T>, context: FitContext) => Promise<Candidate>
  /**
   * The files that people write and that `fit` or a model reads besides what it is given, absolute: a program. A project's run
   * refuses those that are not as its commit has them. @default none
   */
  readonly files?: (() => readonly string[]) | undefined
  /** @throws `artifact-corrupt` where the weights are not what this trainer writes. */
  readonly load: (weights: WeightsDirectory, context: LoadContext) => Promise<Model<I>>
}

export interface TrainerEnvironment {
  /** Resolved versions by package name. */
  readonly packages: Readonly<Record<string, string>>
  /** Engine, Node major, V8, Unicode: equal fingerprints give equal bytes. */
  readonly device: Json
}

export interface FitRequest<I, T> {
  readonly training: Rows<I, T>
  /** For early stopping and tuning; never the pinned set. */
  readonly development?: Rows<I, T> | undefined
  readonly seed: number
  /** An empty directory to write to. */
  readonly directory: string
  /**
   * A folder that stays when this training is killed, and is there again for the next of the same key: what the trainer
   * keeps in it, and how it knows it for its own, is its business. Absent: nothing is kept.
   */
  readonly checkpoints?: string | undefined
  /**
   * Weights of a named release to start from, every file checked; absent: from scratch. Only for a trainer that says
   * `warmStart`. The rows need not have every label that the base knows.
   */
  readonly base?: WeightsDirectory | undefined
}

export interface FitContext extends CallContext {
  readonly progress: (progress: TrainProgress) => void
}

export type LoadContext = CallContext

/** JSON, sent at most a few times a second. */
export interface TrainProgress {
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly learningRate: number
  /** The step of the checkpoint that this training went on from; absent: it began at the start. */
  readonly resumedFrom?: number | undefined
}

/** The release that a training started from. */
export interface BaseRecord {
  readonly version: string
  /** Of its bundle. */
  readonly digest: Digest
  /** Of the rows that it knew, 0 to 1. */
  readonly replayShare: number
  /** How many of the rows that it knew are still there, and how many of those took part; absent where all did. */
  readonly replayed?: { readonly rows: number; readonly of: number } | undefined
}

export interface Candidate {
  readonly weights: WeightsDirectory
  readonly record: CandidateRecord
}

/** How a candidate was made. JSON; no wall-clock times, so that equal training gives equal records. */
export interface CandidateRecord {
  readonly trainer: { readonly name: string; readonly version?: string | undefined; readonly describe: Json }
  readonly seed: number
  /** Of the rows that it was given. */
  readonly trainingDigest: Digest
  /** Written by the pipeline. Absent: trained from scratch. */
  readonly base?: BaseRecord | undefined
  /** Of the rows that early stopping looked at. */
  readonly developmentDigest?: Digest | undefined
  readonly environment?: TrainerEnvironment | undefined
  /** `[step, loss]`, at most 1,000 points. */
  readonly lossCurve: readonly (readonly [step: number, loss: number])[]
  /** `[step, loss]` on the development rows, where early stopping looked at them. */
  readonly developmentCurve?: readonly (readonly [step: number, loss: number])[] | undefined
  /** Steps whose batch was split to stay within the byte budget. */
  readonly splitSteps?: number | undefined
}
