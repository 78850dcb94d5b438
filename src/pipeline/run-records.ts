// Records of runs are read from a store, which another program or another version may have written.
import {
  digest,
  finite,
  fits,
  flag,
  json,
  list,
  nullable,
  object,
  optional,
  recordOf,
  type Shape,
  text,
  toJson,
  word,
} from '../core/index.js'
import { datasetSummaryShape, qualityReportShape } from '../dataset/index.js'
import { verdictShape } from '../gate/index.js'
import { judgedCandidateShape, releasePolicyShape, releaseSourceShape, runMeasurementShape } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import { candidateRecordShape } from '../trainer/index.js'
import type { RunRecord } from './run-result.js'

export const runRecordShape: Shape<RunRecord> = object({
  formatVersion: word(1),
  runId: text,
  command: word(
    ...(['run', 'release', 'approve', 'override', 'rollback', 'promote', 'withdraw'] as const),
    ...(['gc', 'import', 'republish', 'reproduce', 'trial'] as const),
  ),
  status: word(
    ...(['running', 'released', 'restored', 'up-to-date', 'held', 'awaiting-approval', 'failed', 'aborted'] as const),
    ...(['awaiting-release'] as const),
    ...(['promoted', 'withdrawn', 'collected', 'imported', 'reproduced', 'not-reproduced', 'scored'] as const),
  ),
  reason: optional(text),
  startedAtMs: finite,
  lockToken: optional(finite),
  endedAtMs: optional(finite),
  commit: optional(text),
  dirty: optional(flag),
  retrain: optional(flag),
  channel: optional(text),
  sourceKey: optional(digest),
  sourceParts: optional(json),
  source: optional(releaseSourceShape),
  dataset: optional(datasetSummaryShape),
  quality: optional(qualityReportShape),
  stages: list(
    object({
      name: text,
      candidate: optional(text),
      key: optional(digest),
      parts: optional(json),
      cached: flag,
      durationMs: finite,
      resumed: optional(flag),
      value: optional(json),
    }),
  ),
  machine: optional(text),
  measured: optional(runMeasurementShape),
  candidate: optional(object({ name: optional(text), weights: digest, record: candidateRecordShape })),
  candidates: optional(list(judgedCandidateShape)),
  bundle: optional(digest),
  decision: optional(object({ by: text, reason: text, untilMs: optional(finite) })),
  baseline: optional(text),
  best: optional(text),
  evaluations: optional(object({ candidate: optional(digest), baseline: optional(digest), best: optional(digest) })),
  metrics: optional(recordOf(nullable(finite))),
  verdict: optional(verdictShape),
  policy: optional(releasePolicyShape),
  version: optional(text),
  restoredFrom: optional(text),
  evaluatedBy: optional(text),
  finishedBy: optional(text),
  error: optional(object({ code: optional(text), message: text })),
})

/** The record of a run; `undefined` if the store has none, or one that this version cannot read. */
export async function readRun(store: Pick<Store, 'runs'>, runId: string): Promise<RunRecord | undefined> {
  const record = await store.runs.read(runId)
  return fits(runRecordShape, record) ? record : undefined
}

export const writeRun = ({ runs }: Pick<Store, 'runs'>, record: RunRecord): Promise<void> =>
  runs.write(record.runId, toJson(record))

/** The newest run that got so far. */
export async function lastRun(
  store: Pick<Store, 'runs'>,
  gotSoFar: (record: RunRecord) => boolean,
): Promise<RunRecord | undefined> {
  for (const id of await store.runs.list()) {
    const record = await readRun(store, id)
    if (record !== undefined && gotSoFar(record)) return record
  }
  return undefined
}
