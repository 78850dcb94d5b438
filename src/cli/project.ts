import type { Log } from '../core/index.js'
import { refusedForGood, type Verdict } from '../gate/index.js'
import type { RunResult } from '../pipeline/index.js'
import { metricText } from '../report/texts/index.js'
import type { Notice, Repository } from '../repository/index.js'
import type { Terminal } from './command.js'
import { transferProgress } from './progress.js'
import { styled, type Text } from './styled-text.js'

export async function open(project: string, terminal: Terminal): Promise<Repository> {
  const { openRepository } = await import('../repository/open/index.js')
  return openRepository(project, {
    signal: terminal.signal,
    log: logTo(terminal),
    onTransfer: transferProgress(terminal),
  })
}

/** Prints warnings on the error output. */
export function logTo({ err }: Terminal): Log {
  return { debug() {}, info() {}, warn: (message) => err([warningText(message), '\n']) }
}

export const warningText = (message: string): Text => [styled('open', 'warning:'), ` ${message}`]

/** Prints the settings that have no effect, one per line. */
export function printNotices(notices: readonly Notice[], terminal: Terminal): void {
  for (const { file, line, column, message } of notices) terminal.err(`${file}:${line}:${column}: ${message}\n`)
}

/**
 * The result of a run in one or two sentences.
 *
 * @param toRelease what to give to `sheikh release` if the run awaits its release.
 */
export function describeResult(result: RunResult, toRelease: string = result.runId): Text {
  const { candidates } = result
  if (candidates === undefined) return describeStatus(result, toRelease)
  const lines = candidates.map(({ name, status, chosen }) => `\n${chosen ? '*' : ' '} ${name}: ${status}`)
  return [describeStatus(result, toRelease), `\nCandidates (* is the chosen one):${lines.join('')}`].flat()
}

function describeStatus(result: RunResult, toRelease: string): Text {
  switch (result.status) {
    case 'released':
      return [
        styled('good', `Released ${result.release.version}`),
        `${metricText(result.release.record)}. ${result.verdict.summary}`,
      ]
    case 'restored':
      return [
        styled('good', 'Restored:'),
        ` ${result.release.version} is identical to ${result.restoredFrom}, byte for byte.`,
      ]
    case 'up-to-date':
      return [styled('good', 'Up to date:'), ` ${result.release.version} was made from this data and configuration.`]
    case 'held':
      return result.reason === 'withdrawn'
        ? [
            styled('bad', 'Held:'),
            ` this data and configuration give ${result.release.version}, which is withdrawn. To use it again: sheikh rollback --to ${result.release.version} --reason "…"`,
          ]
        : [
            styled('bad', `Held (${result.reason}).`),
            ` ${result.verdict.summary}\nFor details by item: sheikh report\n${nextStep(result.runId, result.verdict)}`,
          ]
    case 'awaiting-approval':
      return [
        styled('open', 'Awaiting approval.'),
        ` ${result.verdict.summary}\nTo release it: sheikh approve ${result.runId} --reason "…"`,
      ]
    case 'awaiting-release':
      return [
        styled('open', 'Awaiting release.'),
        'verdict' in result
          ? ` The preliminary verdict is "${result.verdict.status}". ${result.verdict.summary}`
          : ` The release ${result.identicalTo} has the same model.`,
        `\nTo decide on it, where releases are published: sheikh release ${toRelease}`,
      ]
  }
}

function nextStep(runId: string, { findings }: Verdict): string {
  const never = refusedForGood(findings)
  if (never === undefined) return `To release it anyway: sheikh override ${runId} --reason "…" --until <day>`
  return `The check "${never.check}" cannot be overridden. Fix the trainer and run again.`
}
