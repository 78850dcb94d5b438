import type { Verdict } from '../gate/index.js'
import { intervalPlot, reportComparisonHtml } from '../report/run/index.js'
import { type CommandResult, type Terminal, toJson } from './command.js'
import { isHtml } from './is-html.js'
import { terminalPath } from './terminal-path.js'

export interface PrintedComparison {
  readonly verdict: Verdict
  /** Markdown. */
  readonly report: string
  /** Title of the page. */
  readonly title: string
  /** Further members of the JSON. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined
  /** The value of `--out`. */
  readonly out: string | boolean | undefined
}

/** What a comparison prints: the report, a plot, and 0, 2 or 3 as the exit code. Writes the file of `--out`. */
export async function comparisonResult(
  { verdict, report, title, facts, out }: PrintedComparison,
  terminal: Terminal,
): Promise<CommandResult> {
  if (typeof out === 'string') {
    const { writeFileAtomic } = await import('../store/index.js')
    const content = isHtml(out) ? reportComparisonHtml(verdict, { title }) : `${report}\n`
    await writeFileAtomic(terminalPath(terminal, out, '--out'), content)
  }
  return {
    text: [report, intervalPlot(verdict.findings)].filter((part) => part !== '').join('\n\n'),
    json: toJson({ ...verdict, ...facts }),
    exitCode: { pass: 0, fail: 2, inconclusive: 3 }[verdict.status],
  }
}
