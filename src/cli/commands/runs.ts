import { SheikhError } from '../../core/index.js'
import type { RunRecord } from '../../pipeline/index.js'
import { moment } from '../../report/texts/index.js'
import { type Command, toJson } from '../command.js'
import { open } from '../project.js'
import { joinTexts, type Style, styled, type Text } from '../styled-text.js'

export const runs: Command = {
  name: 'runs',
  usage: '',
  summary: 'List the runs of this machine, newest first: state, version, decision',
  options: { limit: { type: 'string' } },
  optionHelp: { limit: 'Number of newest runs to list (default: all)' },
  examples: ['sheikh runs --limit 10', 'sheikh runs --json'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const limit = limitOf(values['limit'])
    const pipeline = await (await open(project, terminal)).pipeline()
    const records = await pipeline.runs(limit === undefined ? {} : { limit })
    const stateWidth = Math.max(0, ...records.map((record) => stateOf(record).length))
    const versionWidth = Math.max(0, ...records.map(({ version = '' }) => version.length))
    const lines = records.map((record): Text => {
      const { runId, status, version = '', startedAtMs } = record
      const detail = decisionOf(record)
      return [
        `${runId}  `,
        styled(styles[status] ?? 'faint', stateOf(record).padEnd(stateWidth)),
        `  ${version.padEnd(versionWidth)}  ${moment(startedAtMs)}${detail === '' ? '' : `  ${detail}`}`,
      ]
    })
    return {
      text: lines.length === 0 ? 'No runs yet. Start one with: sheikh run' : joinTexts(lines),
      json: toJson({ runs: records.map(summaryOf) }),
    }
  },
}

const styles: Readonly<Partial<Record<RunRecord['status'], Style>>> = {
  released: 'good',
  restored: 'good',
  held: 'bad',
  failed: 'bad',
  'awaiting-approval': 'open',
  'awaiting-release': 'open',
  interrupted: 'open',
  aborted: 'open',
}

/** `released`, or `held (fail)`; with the command if it was not `run`. */
function stateOf({ command, status, reason }: RunRecord): string {
  const prefix = command === 'run' ? '' : `${command}: `
  return `${prefix}${status}${reason === undefined ? '' : ` (${reason})`}`
}

/** Why the run ended as it did, on one line: who decided, what the gate found, or the error. */
function decisionOf({ decision, verdict, error, restoredFrom }: RunRecord): string {
  const text =
    error !== undefined
      ? error.message
      : decision !== undefined
        ? `by ${decision.by}: ${decision.reason}`
        : (verdict?.summary ?? (restoredFrom === undefined ? '' : `identical to ${restoredFrom}`))
  return text.replace(/\s+/g, ' ')
}

const summaryOf = ({ verdict, ...record }: RunRecord) => ({
  runId: record.runId,
  command: record.command,
  status: record.status,
  reason: record.reason,
  version: record.version,
  restoredFrom: record.restoredFrom,
  verdict: verdict && { status: verdict.status, summary: verdict.summary },
  decision: record.decision,
  error: record.error,
  commit: record.commit,
  startedAtMs: record.startedAtMs,
  endedAtMs: record.endedAtMs,
})

function limitOf(text: unknown): number | undefined {
  if (text === undefined) return undefined
  const limit = Number(text)
  if (Number.isSafeInteger(limit) && limit > 0) return limit
  throw new SheikhError(
    'invalid-options',
    `Cannot list the runs: "--limit ${String(text)}" is not a whole number above 0. See: sheikh runs --help`,
  )
}
