import type { CallContext, Described, Digest, Json } from '../core/index.js'
import type { Model, Rows, WeightsDirectory } from '../model/index.js'

/**
 * Trains on rows, and loads the resulting weights. Members are function properties, so that parameters are checked
 * strictly.
 */
export interface Trainer<I = string, T = string> extends Described {
  /** `'labels'`: targets are classes. Training needs at least two, and every class of the evaluation set. */
  readonly targets?: 'labels' | undefined
  /**
   * The format of its weights, such as `safetensors` or `ONNX`. A gate that does not accept the format reports it
   * before training. Absent: known only after the first training.
   */
  readonly weightsFormat?: string | undefined
  /** The trainer can start from `FitRequest.base`. Absent: a pipeline that names a base rejects this trainer. */
  readonly warmStart?: true | undefined
  /**
   * The digest of the weights that it fine-tunes, if `FitRequest.base` names no others; also `base` of `describe()`. Absent: it
   * trains from scratch, or does not say.
   */
  readonly base?: Digest | undefined
  /**
   * Releases whose weights are part of what it makes, such as members of an ensemble. `describe()` contains them. The pipeline
   * finds them in its registry, rejects one that is withdrawn or that knows rows of the evaluation set, passes their weights to
   * `fit`, and writes them into the record. @default none
   */
  readonly releases?: readonly NamedRelease[] | undefined
  /**
   * Whether `fit` gives jobs to workers. Such a candidate is trained from the process of the pipeline: as a job, it would wait for a
   * worker while it takes one. @default false
   */
  readonly usesWorkers?: boolean | undefined
  /**
   * What decides the result besides `describe()`: package versions and the device's fingerprint. Part of the stage key,
   * but not of the source key.
   */
  readonly environment?: ((context: CallContext) => Promise<TrainerEnvironment>) | undefined
  /**
   * Trains, and writes a complete weights directory into `request.directory`, or nothing if it fails.
   *
   * @throws `train-diverged` if a loss or a weight is not finite; `dataset-invalid` if the rows cannot be used for
   * training; `artifact-corrupt` for a base that this trainer did not write.
   */
  readonly fit: (request: FitRequest<I, T>, context: FitContext) => Promise<Candidate>
  /**
   * Absolute paths of further files that people edit and that `fit` or a model reads, such as a program. A run of a
   * project rejects files that differ from its commit. @default none
   */
  readonly files?: (() => readonly string[]) | undefined
  /** @throws `artifact-corrupt` if this trainer did not write the weights. */
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
  /** Rows for early stopping and tuning; never the pinned set. */
  readonly development?: Rows<I, T> | undefined
  readonly seed: number
  /** An empty directory to write to. */
  readonly directory: string
  /**
   * A folder that survives a killed training and is passed to the next training with the same key. The trainer decides
   * what to store in it and must verify that the content is its own. Absent: no checkpoints.
   */
  readonly checkpoints?: string | undefined
  /**
   * Weights of a named release to start from; every file is verified. Absent: train from scratch. Only for a trainer
   * with `warmStart`. The rows need not contain every label of the base.
   */
  readonly base?: WeightsDirectory | undefined
  /** The releases that `Trainer.releases` names, in its order; every file is verified. Absent: the trainer names none. */
  readonly releases?: readonly OpenedRelease[] | undefined
}

/** A release by version and content: another bundle under the version is rejected. */
export interface NamedRelease {
  readonly version: string
  /** Digest of its bundle. */
  readonly digest: Digest
}

/** A named release with its weights. */
export interface OpenedRelease extends NamedRelease {
  readonly weights: WeightsDirectory
  /** How it was made. Absent: unknown, such as for an imported model. */
  readonly record?: CandidateRecord | undefined
  /** Digest of the weights of the release from which it was fine-tuned. Absent: none, or unknown. */
  readonly base?: Digest | undefined
}

export interface FitContext extends CallContext {
  readonly progress: (progress: TrainProgress) => void
  /** The folder, absolute, that the paths in `Row.files` are relative to. Absent: samples name no files. */
  readonly filesDirectory?: string | undefined
}

export interface LoadContext extends CallContext {
  /**
   * Where the model predicts. `own`: in a separate thread, if the trainer can do that, so that the caller's event loop
   * stays free. The folder of the weights must exist until the model is disposed. Does not affect the predictions.
   *
   * @default 'caller'
   */
  readonly thread?: 'own' | 'caller' | undefined
  /**
   * The folder, absolute, that paths in inputs are relative to, if a pipeline evaluates the model on samples that name
   * files. Absent: elsewhere, such as while serving.
   */
  readonly filesDirectory?: string | undefined
}

/** Progress of a training. JSON, sent at most a few times per second. */
export interface TrainProgress {
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly learningRate: number
  /** The step of the checkpoint from which this training resumed. Absent if it did not resume. */
  readonly resumedFrom?: number | undefined
}

/** The release from which a training started. */
export interface BaseRecord {
  readonly version: string
  /** Digest of its bundle. */
  readonly digest: Digest
  /** Share of the base's training rows that is replayed, 0 to 1. */
  readonly replayShare: number
  /**
   * How many of the base's training rows still exist (`of`), and how many of them were used (`rows`). Absent if all
   * were used.
   */
  readonly replayed?: { readonly rows: number; readonly of: number } | undefined
}

export interface Candidate {
  readonly weights: WeightsDirectory
  readonly record: CandidateRecord
}

/** How a candidate was made. JSON, without wall-clock times, so that identical trainings give identical records. */
export interface CandidateRecord {
  readonly trainer: { readonly name: string; readonly version?: string | undefined; readonly describe: Json }
  readonly seed: number
  /** Digest of the training rows. */
  readonly trainingDigest: Digest
  /** Written by the pipeline. Absent: trained from scratch. */
  readonly base?: BaseRecord | undefined
  /** Written by the pipeline: `Trainer.releases`. Absent: none. */
  readonly releases?: readonly NamedRelease[] | undefined
  /** Digest of the rows that early stopping used. */
  readonly developmentDigest?: Digest | undefined
  readonly environment?: TrainerEnvironment | undefined
  /** `[step, loss]`, at most 1,000 points. */
  readonly lossCurve: readonly (readonly [step: number, loss: number])[]
  /** `[step, loss]` on the development rows, if early stopping used them. */
  readonly developmentCurve?: readonly (readonly [step: number, loss: number])[] | undefined
  /** Number of steps whose batch was split to stay within the byte budget. */
  readonly splitSteps?: number | undefined
}
