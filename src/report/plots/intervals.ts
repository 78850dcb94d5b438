import type { ComparisonFinding, Finding } from '../../gate/index.js'
import { differenceUnit } from '../markdown.js'

/** A difference that can be drawn. */
export type Drawn = ComparisonFinding & { readonly lower: number; readonly upper: number }

/** Differences that share an axis. */
export interface IntervalGroup {
  /** 0 for a check that requires an improvement. */
  readonly margin: number
  /** Name of the check, with the release that it compares with. */
  readonly name: string
  /** All items first, then the slices: failed ones first, then the largest losses. */
  readonly shown: readonly Drawn[]
  /** Slices beyond those. */
  readonly left: number
  /** Ends of the axis. */
  readonly from: number
  readonly to: number
  readonly unit: (value: number) => string
}

/** The intervals to draw, one group per check, since different units need different axes. */
export function intervalGroups(findings: readonly Finding[], most = 30): readonly IntervalGroup[] {
  const drawn = findings.filter(
    (finding): finding is Drawn =>
      finding.kind === 'comparison' && finding.lower !== undefined && finding.upper !== undefined,
  )
  const groups = new Map<string, Drawn[]>()
  for (const finding of drawn) {
    const { check, against, againstVersion, metricKind, margin } = finding
    const key = JSON.stringify([check, against, againstVersion, metricKind, margin])
    groups.set(key, [...(groups.get(key) ?? []), finding])
  }
  return [...groups.values()].map((all) => groupOf(all, most))
}

function groupOf(all: readonly Drawn[], most: number): IntervalGroup {
  const [{ margin, metricKind, check, againstVersion }] = all as readonly [Drawn]
  const overall = all.filter(({ slice }) => slice === undefined)
  const slices = all
    .filter(({ slice }) => slice !== undefined)
    .sort(
      (one, other) => Number(other.status === 'fail') - Number(one.status === 'fail') || one.estimate - other.estimate,
    )
  const room = Math.max(0, most - overall.length)
  const shown = [...overall, ...slices.slice(0, room)]
  // Some air on either side of what is always drawn.
  const reach =
    margin > 0 ? margin : Math.max(...shown.flatMap(({ lower, upper }) => [Math.abs(lower), Math.abs(upper)]), 1e-9) / 3
  return {
    margin,
    name: `${check} against ${againstVersion}`,
    shown,
    left: Math.max(0, slices.length - room),
    from: Math.min(...shown.map(({ lower }) => lower), -1.5 * reach),
    to: Math.max(...shown.map(({ upper }) => upper), 1.5 * reach),
    unit: differenceUnit(metricKind),
  }
}
