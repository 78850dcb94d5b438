import { basename } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { type PairScoresOptions, pairScores, type ScoreFile } from '../../evaluation/index.js'
import { compareEvaluations, type Finding, type NoRegressionOptions, type Verdict } from '../../gate/index.js'
import { ageText, type BaselineFacts, baselineFacts, dayMs } from './baseline-facts.js'
import { type Baseline, withDigests } from './baseline-file.js'
import { type BaselinePlace, baselinePlace } from './baseline-place.js'
import { isChangedHere, type ReadBaselineOptions, readBaselineIn } from './read-baseline.js'
import { type ScoredItem, toScoreFile } from './scored-items.js'

export interface BaselineCompareOptions extends ReadBaselineOptions, PairScoresOptions, NoRegressionOptions {
  /** A pass against an older baseline becomes `inconclusive`. In milliseconds. @default no limit */
  readonly maxAgeMs?: number | undefined
}

export interface BaselineComparison {
  readonly verdict: Verdict
  readonly baseline: BaselineFacts
}

/**
 * Compares scores with a baseline that `acceptBaseline` wrote, as `compareEvaluations` does.
 *
 * @throws as `readBaseline`, `pairScores` and `compareEvaluations`; `baseline-mismatch` names the items that only one
 * of the two has.
 */
export async function compareScores(
  directory: string,
  scores: ScoreFile | readonly ScoredItem[],
  options: BaselineCompareOptions = {},
): Promise<BaselineComparison> {
  const { maxAgeMs } = options
  if (maxAgeMs !== undefined && !(maxAgeMs > 0))
    throw new SheikhError('invalid-options', `Cannot use the maximum age ${maxAgeMs}: give a positive number.`)
  const place = await baselinePlace(directory, options)
  const baseline = await readBaselineIn(place, options)
  const verdict = await judge(place, toScoreFile(scores), baseline, options)
  const facts = {
    ...(await baselineFacts(place, baseline)),
    ...(options.from !== undefined && { changedHere: await isChangedHere(place, baseline) }),
  }
  return { verdict: maxAgeMs === undefined ? verdict : limitAge(verdict, facts, maxAgeMs), baseline: facts }
}

async function judge(
  { context }: BaselinePlace,
  { lines, ...file }: ScoreFile,
  baseline: Baseline,
  { metric, direction, range, margin, requiredSlices }: BaselineCompareOptions,
): Promise<Verdict> {
  const candidate: ScoreFile = { ...file, lines: lines.map(withDigests) }
  refuseOtherItems(candidate, baseline)
  const pair = await pairScores(candidate, baseline.scores, { metric, direction, range })
  const limits = { ...(margin !== undefined && { margin }), ...(requiredSlices !== undefined && { requiredSlices }) }
  return compareEvaluations(pair.candidate, pair.baseline, { ...limits, baselineName: baseline.name }, context)
}

const shownIds = 3

function refuseOtherItems(candidate: ScoreFile, { name, scores }: Baseline): void {
  const idsOf = ({ lines }: ScoreFile) => new Set(lines.map(({ id }) => id))
  const [own, others] = [idsOf(candidate), idsOf(scores)]
  const missing = [...others].filter((id) => !own.has(id))
  const added = [...own].filter((id) => !others.has(id))
  if (missing.length + added.length === 0) return
  const listed = (ids: readonly string[], where: string) =>
    ids.length === 0
      ? []
      : [
          `${ids.length} ${ids.length === 1 ? 'item is' : 'items are'} only in ${where} (${ids
            .slice(0, shownIds)
            .map((id) => JSON.stringify(id.slice(0, 80)))
            .join(', ')}${ids.length > shownIds ? ', …' : ''})`,
        ]
  throw new SheikhError(
    'baseline-mismatch',
    `Cannot compare with the baseline "${name}": ${[...listed(missing, 'the baseline'), ...listed(added, `"${basename(candidate.path)}"`)].join(', and ')}. Score the same items, or accept the new ones: sheikh gate accept <file> --name ${name}`,
    { facts: { name, missing, added } },
  )
}

/** Evidence of harm is as good against an old baseline, so a fail stays a fail. */
function limitAge(verdict: Verdict, { name, ageMs }: BaselineFacts, maxAgeMs: number): Verdict {
  const isFuture = ageMs < -dayMs
  if (ageMs <= maxAgeMs && !isFuture) return verdict
  const limit = `${Number((maxAgeMs / dayMs).toPrecision(3))} days`
  const reason = `the baseline "${name}" was accepted ${ageText(ageMs)}${isFuture ? '' : `, and the limit is ${limit}`}. Accept newer results: sheikh gate accept <file> --name ${name}`
  const old: Finding = { kind: 'statement', check: 'baseline-age', status: 'inconclusive', critical: true, reason }
  const findings = [...verdict.findings, old] as const
  if (verdict.status === 'fail') return { ...verdict, findings: [...verdict.findings, old] }
  return { ...verdict, status: 'inconclusive', findings, summary: `Inconclusive: ${reason}` }
}
