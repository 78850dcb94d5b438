import { refusedForGood, type Verdict } from '../gate/index.js'
import type { RunResult } from '../pipeline/index.js'
import type { Notice, Repository } from '../repository/index.js'
import type { Terminal } from './command.js'
import { metricText } from './primary-metric.js'

export async function open(project: string, terminal: Terminal): Promise<Repository> {
  const { openRepository } = await import('../repository/index.js')
  return openRepository(project, {
    signal: terminal.signal,
    log: { debug() {}, info() {}, warn: (message) => terminal.err(`warning: ${message}\n`) },
  })
}

/** Prints the settings that have no effect, one per line. */
export function printNotices(notices: readonly Notice[], terminal: Terminal): void {
  for (const { file, line, column, message } of notices) terminal.err(`${file}:${line}:${column}: ${message}\n`)
}

/** How a run ended, in a sentence or two. */
export function describeResult(result: RunResult): string {
  switch (result.status) {
    case 'released':
      return `Released ${result.release.version}${metricText(result.release.record)}. ${result.verdict.summary}`
    case 'restored':
      return `Restored: ${result.release.version} is ${result.restoredFrom} again, byte for byte.`
    case 'up-to-date':
      return `Up to date: ${result.release.version} is what this data and configuration give.`
    case 'held':
      return result.reason === 'withdrawn'
        ? `Held: this leads to ${result.release.version}, which was rolled back from. "sheikh rollback --to ${result.release.version}" uses it again.`
        : `Held (${result.reason}). ${result.verdict.summary}\nWhy, item by item: sheikh report\n${whatIsLeft(result.runId, result.verdict)}`
    case 'awaiting-approval':
      return `Awaiting approval. ${result.verdict.summary}\nTo release it: sheikh approve ${result.runId} --reason "…"`
  }
}

function whatIsLeft(runId: string, { findings }: Verdict): string {
  const never = refusedForGood(findings)
  if (never === undefined) return `To release it all the same: sheikh override ${runId} --reason "…" --until <day>`
  return `The check "${never.check}" cannot be overridden. Correct the trainer and run again.`
}
