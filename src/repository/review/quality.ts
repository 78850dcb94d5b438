import type { Evaluation } from '../../evaluation/index.js'
import {
  type ComparisonFinding,
  confidenceOf,
  type ScoreBounds,
  scoreBounds,
  slicesOf,
  type Verdict,
} from '../../gate/index.js'

/** What a change does to quality: two trainings, compared on development rows of the base. JSON. Contains no text of samples. */
export type ReviewQuality = MeasuredQuality | UnmeasuredQuality

export interface UnmeasuredQuality {
  /** `failed`: the reviewed state cannot be trained. `unmeasured`: the comparison is not possible. */
  readonly status: 'failed' | 'unmeasured'
  /** One or more sentences. */
  readonly reason: string
}

export interface MeasuredQuality {
  readonly status: 'measured'
  /** The decision of the base's gate. Absent: both trainings give the same model. */
  readonly verdict?: Verdict | undefined
  /** All items first, then the slices, per metric. */
  readonly scores: readonly ScorePair[]
  /** Development rows, and their independent groups. */
  readonly items: number
  readonly groups: number
  /** Share of the base's training rows that is reserved for development, 0..1. */
  readonly share: number
  /** Rows that each state was trained on. */
  readonly trained: { readonly base: number; readonly head: number }
  /**
   * Training rows of each state that were left out: development rows, pinned rows of the base, rows of their groups, and copies
   * of their text.
   */
  readonly leftOut: { readonly base: number; readonly head: number }
  /**
   * Training rows that the change adds, removes or edits, and how many of them one of the trainings read. The others are left
   * out, so this comparison says nothing about them.
   */
  readonly changedRows: { readonly total: number; readonly trainedOn: number }
}

/** The values of one metric for both models. */
export interface ScorePair {
  readonly metric: string
  readonly metricKind: ComparisonFinding['metricKind']
  /** Such as `category=spam-1`. Absent: all items. */
  readonly slice?: string | undefined
  readonly items: number
  readonly base?: ScoreBounds | undefined
  readonly head?: ScoreBounds | undefined
  /** Absent: no check of the gate compares this metric. */
  readonly difference?: Pick<ComparisonFinding, 'estimate' | 'lower' | 'upper' | 'status'> | undefined
}

/** The scores of both models on the same items. */
export function scorePairs(base: Evaluation, head: Evaluation, verdict: Verdict | undefined): readonly ScorePair[] {
  const compared = comparisonsOf(verdict)
  const parts = [{ slice: undefined, items: undefined }, ...slicesOf(base)]
  return head.metrics.flatMap((metric, index) =>
    parts.flatMap(({ slice, items }) => {
      const pair = [scoreBounds(base, base.metrics[index]!, items), scoreBounds(head, metric, items)] as const
      const found = compared.find((finding) => finding.metric === metric.name && finding.slice === slice)
      if (slice !== undefined && pair[0] === undefined && found === undefined) return []
      const boundsOr = (bounds: ScoreBounds | undefined, value: number | undefined) =>
        bounds ?? (value === undefined ? undefined : { value })
      return {
        ...{ metric: metric.name, metricKind: metric.kind, items: items?.length ?? base.ids.length },
        ...(slice !== undefined && { slice }),
        base: boundsOr(pair[0], found?.referenceValue),
        head: boundsOr(pair[1], found?.candidateValue),
        ...(found !== undefined && { difference: differenceOf(found) }),
      }
    }),
  )
}

const differenceOf = ({ estimate, lower, upper, status }: ComparisonFinding) => ({ estimate, lower, upper, status })

const comparisonsOf = (verdict: Verdict | undefined): readonly ComparisonFinding[] =>
  (verdict?.findings ?? []).filter((finding) => finding.kind === 'comparison')

export function qualityVerdict(quality: ReviewQuality): Verdict['status'] {
  if (quality.status === 'measured') {
    const status = quality.verdict?.status ?? 'pass'
    return status === 'pass' && isUnread(quality) ? 'inconclusive' : status
  }
  return quality.status === 'failed' ? 'fail' : 'inconclusive'
}

/** Whether most of the changed rows are left out. About the share of them is, by chance. */
const isUnread = ({ changedRows: { total, trainedOn }, share }: MeasuredQuality) =>
  total - trainedOn > (total * (1 + share)) / 2

/** The conclusion about quality in one sentence, without a full stop. */
export function qualitySentence(quality: ReviewQuality): string {
  if (quality.status !== 'measured')
    return `${quality.status === 'failed' ? 'Not safe to merge: ' : 'Inconclusive: quality was not measured. '}${withoutStop(quality.reason)}`
  const { verdict, changedRows } = quality
  if ((verdict?.status ?? 'pass') === 'pass' && isUnread(quality)) {
    const { total, trainedOn } = changedRows
    const some = trainedOn === 0 ? 'none' : `only ${trainedOn.toLocaleString('en')}`
    return `Inconclusive: the review could train on ${some} of the ${total.toLocaleString('en')} changed rows, because it judges by the others, or by rows of their groups or with their texts`
  }
  if (verdict === undefined) return 'Safe to merge: training gives the same model as before'
  const critical = verdict.findings.filter((finding) => finding.critical)
  const decisive =
    verdict.status === 'pass'
      ? comparisonsOf(verdict).find(
          ({ critical, slice, status }) => critical && slice === undefined && status === 'pass',
        )
      : critical.find(
          ({ status, slice, required }) =>
            status === verdict.status && (status === 'fail' || slice === undefined || required === true),
        )
  const start = { pass: 'Safe to merge', fail: 'Not safe to merge', inconclusive: 'Inconclusive' }[verdict.status]
  const said = decisive?.kind === 'comparison' ? differenceSentence(decisive, verdict.status) : undefined
  if (said !== undefined) return `${start}: ${said}`
  if (decisive === undefined) return `${start}. ${withoutStop(verdict.summary)}`
  return `${start}: ${decisive.check}: ${withoutStop(decisive.reason)}`
}

/** `undefined` if the finding has no interval. */
function differenceSentence(finding: ComparisonFinding, status: Verdict['status']): string | undefined {
  const { lower, upper, metric, metricKind, slice, groups, items, groupsNeeded, alpha } = finding
  if (lower === undefined) return undefined
  const unit = metricKind === 'binary' ? ' points' : ''
  const [down, up] = metricKind === 'binary' ? ['lower', 'higher'] : ['worse', 'better']
  const size = (value: number) =>
    metricKind === 'binary' ? Math.abs(100 * value).toFixed(1) : String(Number(Math.abs(value).toPrecision(3)))
  const side = (value: number) => `${size(value)}${unit} ${value < 0 ? down : up}`
  const what = `${metric}${slice === undefined ? '' : ` on ${slice}`}`
  if (status === 'pass')
    return `${metricKind === 'binary' ? '' : `${metric} is `}${lower < 0 ? `at worst ${side(lower)}` : `at least ${side(lower)}`} (${confidenceOf(alpha)})`
  if (upper === undefined) return undefined
  // Each is a one-sided bound: both together are a 90 % interval.
  const each = '95 % for each bound'
  if (status === 'fail')
    return upper < 0
      ? `${what} is ${size(upper)} to ${size(lower)}${unit} ${down} (${each})`
      : `${what} is lower, between ${side(lower)} and ${side(upper)} (${each})`
  const more = groupsNeeded === undefined ? 0 : groupsNeeded - groups
  const needed = `${more.toLocaleString('en')} more development ${groups === items ? 'rows' : 'groups'} would decide`
  return `${what} is between ${side(lower)} and ${side(upper)} (${each})${more > 0 ? `; ${needed}` : ''}`
}

const withoutStop = (text: string) => text.replace(/\.$/, '')
