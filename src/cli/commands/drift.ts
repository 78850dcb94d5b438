import { SheikhError } from '../../core/index.js'
import type { ProjectDrift } from '../../repository/index.js'
import { type Command, type Terminal, toJson } from '../command.js'
import { feedbackStoreOf } from '../feedback-store.js'
import { isHtml } from '../is-html.js'
import { numberOption } from '../number-option.js'
import { open } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'
import { terminalPath } from '../terminal-path.js'

/** As findings of the gate. */
const exitCodes = { none: 0, found: 2, 'not-enough-data': 3 } as const

export const drift: Command = {
  name: 'drift',
  usage: '',
  summary: 'Compare what the release answered with the data that it was trained on',
  options: {
    store: { type: 'string' },
    since: { type: 'string' },
    channel: { type: 'string' },
    effect: { type: 'string' },
    level: { type: 'string' },
    out: { type: 'string' },
    'include-text': { type: 'boolean' },
  },
  optionHelp: {
    store: 'Folder with the feedback, as given to "sheikh serve --feedback"',
    since: 'Compare the answers of this period, such as 12h, 7d or 2w (default: all answers of the release)',
    channel: "Channel whose release is compared (default: the project's own)",
    effect: 'Smallest difference that counts, from 0 to 1 (default: 0.1)',
    level: 'Chance of a false alarm, over all tests (default: 0.05)',
    out: 'Write the report to this file: .html, .md, .prom for Prometheus, or .json for the server and the dashboard',
    'include-text': 'Show words and values of inputs, which are text of users',
  },
  examples: ['sheikh drift --store feedback --since 7d', 'sheikh drift --store feedback --out drift.html'],
  positionals: [0, 0],
  async run(input, terminal) {
    const { project, values } = input
    const out = typeof values['out'] === 'string' ? terminalPath(terminal, values['out'], '--out') : undefined
    const repository = await open(project, terminal)
    const { durationMsOf } = await import('../../repository/index.js')
    const since = typeof values['since'] === 'string' ? durationMsOf(values['since']) : undefined
    if (values['since'] !== undefined && since === undefined)
      throw usage(`--since is ${JSON.stringify(values['since'])}. Give a period such as 12h, 7d or 2w`)
    const report = await repository.drift({
      feedback: feedbackStoreOf(input, terminal),
      ...(since !== undefined && { fromMs: Date.now() - since }),
      channel: typeof values['channel'] === 'string' ? values['channel'] : undefined,
      minimumEffect: numberOption(values, 'effect', 'drift'),
      level: numberOption(values, 'level', 'drift'),
      includeText: values['include-text'] === true,
    })
    if (out !== undefined) await writeReport(out, report, terminal)
    return { text: textOf(report), json: toJson({ ...report, out }), exitCode: exitCodes[report.status] }
  },
}

async function writeReport(path: string, report: ProjectDrift, terminal: Terminal): Promise<void> {
  const title = `Drift since ${report.release.version}`
  const { reportDrift, reportDriftHtml } = await import('../../report/index.js')
  const { driftMetrics } = await import('../../drift/index.js')
  const content = () => {
    if (path.endsWith('.json')) return `${JSON.stringify(report)}\n`
    if (path.endsWith('.prom')) return driftMetrics(report)
    return isHtml(path) ? reportDriftHtml(report, { title }) : reportDrift(report, { title })
  }
  const { writeFileAtomic } = await import('../../store/index.js')
  await writeFileAtomic(path, content())
  terminal.err(`Wrote ${path}\n`)
}

function textOf({ release, status, summary, tests, skipped }: ProjectDrift): Text {
  const kind = { none: 'good', found: 'bad', 'not-enough-data': 'open' } as const
  const name = ({ part, aspect }: ProjectDrift['tests'][number]) => `${part} ${aspect}`
  const width = Math.max(4, ...tests.map((test) => name(test).length))
  return joinTexts([
    [styled(kind[status], `Release ${release.version}:`), ` ${summary}`],
    ...tests.map((test): Text => {
      const { effect, adjusted, isFound } = test
      const p = adjusted < 1e-4 ? '< 0.0001' : adjusted.toFixed(4)
      return `  ${name(test).padEnd(width)}  effect ${effect.toFixed(2)}  p ${p}${isFound ? '  drift' : ''}`
    }),
    ...tests.flatMap((test) =>
      test.isFound
        ? (test.changes ?? []).map(
            ({ value, reference, live }) =>
              `    ${value}: ${(100 * reference).toFixed(1)} % → ${(100 * live).toFixed(1)} %`,
          )
        : [],
    ),
    ...skipped.map(({ part, reason }) => `  ${part}: not compared, because ${reason}`),
  ])
}

const usage = (fact: string) =>
  new SheikhError('invalid-options', `Cannot look for drift: ${fact}. See: sheikh drift --help`)
