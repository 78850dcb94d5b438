import { callContext } from '../core/index.js'
import { readDriftReport } from '../drift/index.js'
import { experimentsOf } from '../experiment/index.js'
import { directoryFeedback, feedbackStats } from '../feedback/index.js'
import type { Pipeline } from '../pipeline/index.js'
import { count, moment, percent, type Section } from '../report/index.js'
import { remembered } from './remembered.js'

/** A part of the page "In use". */
export interface DashboardPanel {
  /** Such as `feedback`. */
  readonly name: string
  /** Its tables; none if there is no data. */
  read(): Promise<readonly Section[]>
}

/** The live tests of the ledger, the newest first. */
export const experimentsPanel = (pipeline: Pick<Pipeline, 'ledger'>): DashboardPanel => ({
  name: 'experiments',
  async read() {
    const tests = experimentsOf(await pipeline.ledger())
      .toReversed()
      .slice(0, mostTests)
    if (tests.length === 0) return []
    const rows = tests.map(({ name, status, result, control, treatment, share, sinceMs, by, reason }) => [
      ...[name, result ?? status, control, treatment, percent(share), moment(sinceMs)],
      `${by === undefined ? '' : `by ${by}: `}${reason}`,
    ])
    const header = ['Live test', 'State', 'Control', 'Treatment', 'Treatment gets', 'Since', 'Why']
    return [{ heading: 'Live tests', header, rows }]
  },
})

const mostTests = 50
// Counting reads the whole folder.
const rememberMs = 30_000

/** How many answers and how much feedback a folder contains. Nothing that people wrote. */
export function feedbackPanel(folder: string): DashboardPanel {
  const context = callContext()
  const store = directoryFeedback(folder)
  const read = remembered(() => feedbackStats(store, {}, context), {
    ...{ forMs: rememberMs, clock: context.clock, key: async () => '' },
  })
  return {
    name: 'feedback',
    async read() {
      const { predictions, feedback, predictionsWithFeedback, byKind, thumbsUp, sources, mostFromOneSource } =
        await read()
      if (predictions + feedback === 0) return []
      const rows: Section['rows'] = [
        ['Answers', count(predictions)],
        ['Answers with feedback', count(predictionsWithFeedback)],
        ['Feedback', count(feedback)],
        ['Thumbs', `${count(byKind.thumb)}${thumbsUp === undefined ? '' : `, ${percent(thumbsUp)} up`}`],
        ['Corrections', count(byKind.correction)],
        ['Ratings', count(byKind.rating)],
        ['Texts', count(byKind.text)],
        ['Sources', `${count(sources)}, at most ${count(mostFromOneSource)} from one`],
      ]
      return [{ heading: 'Feedback', header: ['Kind', 'Number'], rows, isList: true }]
    },
  }
}

const mostDriftTests = 200

/** The drift report in a file, the JSON of `detectDrift`. Shows no words or values of inputs. */
export const driftPanel = (path: string): DashboardPanel => ({
  name: 'drift',
  async read() {
    const { report } = await readDriftReport(path)
    const { status, summary, minimumEffect, live, tests } = report
    const rows = tests
      .slice(0, mostDriftTests)
      .map(({ part, aspect, effect, adjusted, isFound }) => [
        ...[part, aspect, effect.toFixed(2), adjusted < 1e-4 ? '< 0.0001' : adjusted.toFixed(4)],
        isFound ? 'drift' : 'none',
      ])
    const header = ['Part', 'Compared by', 'Effect', 'p-value', 'Result']
    const method = `This is a comparison of ${count(live.items)} live items with the reference data. Effects below ${minimumEffect} do not count; p-values are corrected for all tests.`
    const note = status === 'not-enough-data' ? summary : `${summary} ${method}`
    return [{ heading: 'Drift', header, rows, note }]
  },
})
