import { digestJson, manifestOf } from '../core/index.js'
import type { Evaluation, ItemOutcome, MetricColumn } from '../evaluation/index.js'
import type { Evidence } from '../gate/index.js'

export interface EvaluationParts {
  /** One score per item. For a binary metric: 1 right, 0 wrong. `null` if the model did not answer. */
  readonly scores: readonly (number | null)[]
  /** Identifies the model. */
  readonly model: string
  readonly metric?: string | undefined
  /** The group of each item. @default each item is its own group */
  readonly groups?: readonly string[] | undefined
  readonly slices?: Evaluation['slices'] | undefined
  readonly ids?: readonly string[] | undefined
  readonly outcomes?: readonly ItemOutcome[] | undefined
  readonly direction?: MetricColumn['direction'] | undefined
  /** @default 'binary' */
  readonly kind?: MetricColumn['kind'] | undefined
  readonly range?: MetricColumn['range'] | undefined
  /** Of a ratio. */
  readonly weights?: readonly (number | null)[] | undefined
}

/** Creates an evaluation with one metric from scores, for tests of checks and gates. */
export function evaluationOf(parts: EvaluationParts): Evaluation {
  const { scores, model, metric = 'accuracy', direction = 'higher-is-better', slices = {} } = parts
  const { kind = 'binary', range, weights } = parts
  const ids = parts.ids ?? scores.map((_, index) => `item-${String(index).padStart(4, '0')}`)
  const answered = scores.filter((score) => score !== null)
  return {
    formatVersion: 1,
    modelDigest: digestJson({ model }),
    evaluationDigest: digestJson({ ids }),
    ids,
    groups: parts.groups ?? ids,
    slices,
    targets: scores.map((_, index) => (index % 2 === 0 ? 'a' : 'b')),
    predictions: scores.map(() => null),
    outcomes: parts.outcomes ?? scores.map((score) => (score === null ? 'error' : 'ok')),
    metrics: [
      {
        name: metric,
        direction,
        kind,
        ...(range !== undefined && { range }),
        scores,
        ...(weights !== undefined && { weights }),
        value: answered.length === 0 ? null : answered.reduce((sum, score) => sum + score, 0) / answered.length,
      },
    ],
  }
}

/** Creates evidence from evaluations. The weights directory is empty and cannot be read. */
export function evidenceOf(candidate: Evaluation, baseline?: Evaluation): Evidence {
  const manifest = manifestOf([])
  const digest = digestJson(manifest)
  return {
    candidate: {
      weights: { path: '', manifest, digest },
      record: { trainer: { name: 'none', describe: null }, seed: 0, trainingDigest: digest, lossCurve: [] },
      evaluation: candidate,
    },
    ...(baseline !== undefined && { baseline: { version: '0.1.0', bundle: digest, evaluation: baseline } }),
  }
}
