import type { RunRecord } from '../../pipeline/index.js'
import { inUnit, isKnown } from '../markdown.js'
import type { Section } from '../section.js'

/** The candidates that a run chose among: their metrics, what the gate decided on each, and why. */
export function candidatesSection({ candidates = [], status }: RunRecord): readonly Section[] {
  if (candidates.length === 0) return []
  const metrics = [...new Set(candidates.flatMap((candidate) => Object.keys(candidate.metrics ?? {})))]
  const chosen = candidates.find((candidate) => candidate.chosen)
  const level = Number((5 / candidates.length).toPrecision(2))
  const isJudged = candidates.some(({ status }) => ['pass', 'inconclusive', 'fail'].includes(status))
  const sentences = [
    ...(isJudged
      ? [
          `The gate judges each of ${candidates.length} candidates at a level of at most 5 % / ${candidates.length}, about ${level} %, so that the chance that one passes although it is worse is at most 5 % over all of them.`,
        ]
      : []),
    ...(chosen === undefined || chosen.status === 'up-to-date' || chosen.status === 'withdrawn'
      ? []
      : [
          `"${chosen.name}" was chosen for its result, so its estimates tend to be too high. Its lower bounds allow for the choice.`,
        ]),
    ...(status === 'released' ? [] : ['The verdict of the run is about the chosen candidate.']),
  ]
  return [
    {
      heading: 'Candidates',
      header: ['Candidate', 'Chosen', 'Result', ...metrics, 'Why'],
      rows: candidates.map((candidate) => [
        ...[candidate.name, candidate.chosen ? 'yes' : 'no', candidate.status],
        ...metrics.map((name) => {
          const value = candidate.metrics?.[name]
          return isKnown(value) ? inUnit.number(value) : '–'
        }),
        candidate.reason,
      ]),
      note: sentences.join(' '),
    },
  ]
}
