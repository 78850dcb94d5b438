import type { Json } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import type { Verdict } from '../gate/index.js'
import type { Version } from '../releaser/index.js'
import type { TrainProgress } from '../trainer/index.js'
import type { RunRecord } from './run-result.js'

export interface RunEventBase {
  readonly runId: string
  readonly atMs: number
  /** Counts from 0 without gaps within a run. */
  readonly sequence: number
}

/** An event of a run: a readonly, JSON-serialisable object. Listeners, iterators and the record receive the same events. */
export type RunEvent = RunEventBase & RunEventBody

export type RunEventBody =
  | {
      readonly type: 'run-start'
      readonly command: RunRecord['command']
      readonly commit?: string | undefined
    }
  | { readonly type: 'stage-start'; readonly stage: string; readonly candidate?: string | undefined }
  | {
      readonly type: 'stage-end'
      readonly stage: string
      /** The name of the candidate that the stage worked on. Absent if the run has only one. */
      readonly candidate?: string | undefined
      readonly cached: boolean
      readonly durationMs: number
    }
  | { readonly type: 'dataset-ready'; readonly summary: DatasetSummary }
  | ({ readonly type: 'train-progress'; readonly candidate?: string | undefined } & TrainProgress)
  | {
      /** A part of a model's predictions on the evaluation set is done. Sent at most 101 times per model. */
      readonly type: 'evaluate-progress'
      /** `candidate`, `candidate <name>` if there are several, or the version of a release. */
      readonly model: string
      readonly done: number
      readonly items: number
    }
  /** One of several candidates was judged. The verdict on the chosen one follows as `gate-verdict`. */
  | { readonly type: 'candidate-judged'; readonly candidate: string; readonly verdict: Verdict }
  | { readonly type: 'gate-verdict'; readonly verdict: Verdict }
  | { readonly type: 'release-prepared'; readonly version: Version }
  | { readonly type: 'release-published'; readonly version: Version }
  | { readonly type: 'channel-pointed'; readonly channel: string; readonly version: Version }
  | { readonly type: 'release-withdrawn'; readonly version: Version; readonly reason: string }
  | { readonly type: 'release-removed'; readonly version: Version }
  | { readonly type: 'warning'; readonly message: string; readonly facts: Readonly<Record<string, Json>> }
  | {
      readonly type: 'run-end'
      readonly status: Exclude<RunRecord['status'], 'running' | 'interrupted'>
      readonly reason?: string | undefined
      readonly version?: Version | undefined
    }

export type RunEventType = RunEventBody['type']
export type RunEventOf<Type extends RunEventType> = Extract<RunEvent, { type: Type }>
