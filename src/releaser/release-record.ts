// What is kept with a release. Registries are foreign: a record is checked where it is read, so that its type is true.
import {
  type Digest,
  digest,
  finite,
  type Json,
  json,
  list,
  nullable,
  object,
  optional,
  recordOf,
  type Shape,
  shapeOf,
  text,
  word,
} from '../core/index.js'
import { type DatasetSummary, datasetSummaryShape } from '../dataset/index.js'
import { type Verdict, verdictShape } from '../gate/index.js'
import { type CandidateRecord, candidateRecordShape } from '../trainer/index.js'
import type { Version } from './releaser.js'
import { isVersion } from './version.js'

/** Data about a release that is not part of the bundle's digest: run, commit, verdict, metrics. Plain JSON. */
export interface ReleaseRecord {
  readonly runId: string
  readonly commit?: string | undefined
  readonly atMs: number
  /** The earlier release that a rollback or a revert published again. */
  readonly restoredFrom?: Version | undefined
  /** The origin of an imported model, and who imported it. */
  readonly importedFrom?: { readonly from: string; readonly by?: string | undefined } | undefined
  /** The value of each metric on the evaluation set `evaluationDigest`. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined
  readonly evaluationDigest?: Digest | undefined
  /** The score of each item of `evaluationDigest`: ids, labels and scores, but no texts. */
  readonly answers?: ReleasedAnswers | undefined
  readonly verdict?: Verdict | undefined
  /** The gate's description and the identity of the evaluation items. Contains no text of a sample. */
  readonly policy?: ReleasePolicy | undefined
  readonly candidate?: CandidateRecord | undefined
  /** The candidates that the run chose among; `chosen` marks the released one. Absent if there was only one. */
  readonly candidates?: readonly JudgedCandidate[] | undefined
  /** The key of the training and the digest of its weights: a run with the same key takes the weights instead of training. */
  readonly training?: { readonly key: Digest; readonly weights: Digest } | undefined
  readonly dataset?: DatasetSummary | undefined
  /** How long the run that made the model took. Absent in a release that publishes an earlier model again. */
  readonly measured?: RunMeasurement | undefined
  /** The digest of each input: labels, architecture, configuration, prompts, data. */
  readonly source?: ReleaseSource | undefined
  /** The results of the host's own stages that ran before the release, by stage. */
  readonly stages?: Readonly<Record<string, Json>> | undefined
  /** Who approved an inconclusive result, and why. */
  readonly approval?: ReleaseApproval | undefined
  /** Who overrode the gate, why, and until when. */
  readonly override?: ReleaseOverride | undefined
  /** The last ledger entry at the time of the release. It reveals entries that are later removed from the end of the ledger. */
  readonly ledger?: LedgerAnchor | undefined
  readonly attestation?: Attestation | undefined
}

/** One of the candidates that a run chose among. */
export interface JudgedCandidate {
  readonly name: string
  /** The digest of its bundle. Absent if another machine judged it. */
  readonly bundle?: Digest | undefined
  /**
   * The verdict of the gate. `up-to-date`: it is the current release, so it was scored and not judged. `withdrawn`: it is a
   * withdrawn release, so it was neither scored nor judged. `elsewhere`: another machine judged it and did not choose it.
   */
  readonly status: 'pass' | 'inconclusive' | 'fail' | 'up-to-date' | 'withdrawn' | 'elsewhere'
  /** One sentence that explains the status. */
  readonly reason: string
  /** The value of each metric on the evaluation set. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined
  /** The run's verdict is about this candidate: it is the one that is released, held, or approved by a person. */
  readonly chosen?: true | undefined
}

/** How long the stages of a run took, and where. */
export interface RunMeasurement {
  /** The measured run. */
  readonly runId: string
  /** What people call the machine, such as `gpu-box` or `wasm, 2 cores`; never its host name. Absent: unknown. */
  readonly machine?: string | undefined
  /** Milliseconds by stage, only of stages that were executed from the start: not cached, and not resumed. */
  readonly durationsMs: Readonly<Record<string, number>>
}

/** How a release scored on its evaluation set. */
export interface ReleasedAnswers {
  readonly formatVersion: 1
  readonly evaluationDigest: Digest
  /** The identity of each metric that has a version, by name: another metric of the same name does not count. */
  readonly metrics: Readonly<Record<string, Digest>>
  /** The evaluation's file (`writeEvaluation`), compressed by gzip, in base64. */
  readonly columns: string
}

/** What decided on a release. */
export interface ReleasePolicy {
  /** `Gate.describe` of then. */
  readonly gate: Json
  /** Twelve bytes for each item (six of its id's digest, six of its target's), in base64; for at most 20,000 items. */
  readonly items?: string | undefined
  /** Above 20,000 items: one digest over all of them, which tells that items changed and not which. */
  readonly itemsDigest?: string | undefined
  /** The slices that the evaluation set had, as `category=spam-1`; at most 1,000. */
  readonly slices: readonly string[]
}

/** What a release was made of, part by part, so that the next one knows what changed. */
export interface ReleaseSource {
  /** The trainer's name. */
  readonly architecture: string
  /** Of training, in order; `null` where the targets are no labels. */
  readonly labels: readonly string[] | null
  /** Of trainer, gate, stages, seed and base. */
  readonly configuration: Digest
  readonly prompts: Digest
  /** The dataset's fingerprint. */
  readonly data: Digest
}

/** Who approved an inconclusive run. */
export interface ReleaseApproval {
  readonly runId: string
  readonly by: string
  readonly reason: string
}

/** Who released a held run against the evidence. */
export interface ReleaseOverride extends ReleaseApproval {
  /** The end of the override, in milliseconds since 1970. */
  readonly untilMs: number
  /** The checks that are overridden. */
  readonly checks: readonly string[]
}

/** A line of the ledger. */
export interface LedgerAnchor {
  /** From 0. */
  readonly sequence: number
  readonly digest: Digest
}

/** The signatures of a release, each as the text of a Sigstore bundle. */
export interface Attestation {
  /** The signature of the files: the content of a `model.sig` (OpenSSF Model Signing 1.0). */
  readonly signature: string
  /** The signed provenance of the files: an in-toto statement. */
  readonly provenance: string
}

export const runMeasurementShape: Shape<RunMeasurement> = object({
  runId: text,
  machine: optional(text),
  durationsMs: recordOf(finite),
})

export const judgedCandidateShape: Shape<JudgedCandidate> = object({
  name: text,
  bundle: optional(digest),
  status: word('pass', 'inconclusive', 'fail', 'up-to-date', 'withdrawn', 'elsewhere'),
  reason: text,
  metrics: optional(recordOf(nullable(finite))),
  chosen: optional(shapeOf((value): value is true => value === true)),
})

const approval = { runId: text, by: text, reason: text }

export const releasePolicyShape: Shape<ReleasePolicy> = object({
  gate: json,
  items: optional(text),
  itemsDigest: optional(text),
  slices: list(text),
})

export const releaseSourceShape: Shape<ReleaseSource> = object({
  architecture: text,
  labels: nullable(list(text)),
  configuration: digest,
  prompts: digest,
  data: digest,
})

export const releaseRecordShape: Shape<ReleaseRecord> = object({
  runId: text,
  commit: optional(text),
  atMs: finite,
  restoredFrom: optional(shapeOf(isVersion)),
  importedFrom: optional(object({ from: text, by: optional(text) })),
  metrics: optional(recordOf(nullable(finite))),
  evaluationDigest: optional(digest),
  answers: optional(
    object({ formatVersion: word(1), evaluationDigest: digest, metrics: recordOf(digest), columns: text }),
  ),
  verdict: optional(verdictShape),
  policy: optional(releasePolicyShape),
  candidate: optional(candidateRecordShape),
  candidates: optional(list(judgedCandidateShape)),
  training: optional(object({ key: digest, weights: digest })),
  dataset: optional(datasetSummaryShape),
  measured: optional(runMeasurementShape),
  source: optional(releaseSourceShape),
  stages: optional(recordOf(json)),
  approval: optional(object(approval)),
  override: optional(object({ ...approval, untilMs: finite, checks: list(text) })),
  ledger: optional(object({ sequence: finite, digest })),
  attestation: optional(object({ signature: text, provenance: text })),
})
