import type { ExperimentDecision, LedgerEntry } from '../gate/index.js'
import type { Version } from '../releaser/index.js'

/** Where a live test is, by its lines in the ledger. */
export interface ExperimentState {
  readonly name: string
  readonly control: Version
  readonly treatment: Version
  readonly status: 'running' | 'ended'
  /** From 0. */
  readonly step: number
  /** Share of units that get the treatment: 0 or 1 after the end. */
  readonly share: number
  readonly startedAtMs: number
  /** When the step began, or the test ended. */
  readonly sinceMs: number
  /** How it ended. */
  readonly result?: ExperimentDecision['result']
  /** The reason of the last line. */
  readonly reason: string
  readonly by?: string | undefined
  readonly plan?: ExperimentDecision['plan']
  /** What was planned. Absent if the test was started by an older version. */
  readonly planned?: ExperimentDecision['planned']
}

/** The live tests of a verified ledger, in the order of their starts. The first of two decisions that exclude each other counts. */
export function experimentsOf(entries: readonly LedgerEntry[]): readonly ExperimentState[] {
  const states = new Map<string, ExperimentState>()
  for (const entry of entries) {
    if (entry.type !== 'experiment') continue
    const { name, action, control, treatment, step, share, reason, result, by, plan, planned, atMs } = entry
    const before = states.get(name)
    const at = { step, share, sinceMs: atMs, reason, by }
    if (action === 'start' && before === undefined)
      states.set(name, { name, control, treatment, status: 'running', startedAtMs: atMs, plan, planned, ...at })
    else if (before?.status !== 'running') continue
    else if (action === 'advance' && step > before.step) states.set(name, { ...before, ...at })
    else if (action === 'end') states.set(name, { ...before, ...at, status: 'ended', result })
  }
  return [...states.values()]
}
