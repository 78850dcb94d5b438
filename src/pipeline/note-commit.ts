import { messageOf } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import type { RunResult } from './run-result.js'
import type { Session } from './session.js'

/** The commit that an entry of the ledger marks as done: no further run of it is needed. */
export function commitOf(entry: LedgerEntry): string | undefined {
  return entry.type === 'run' || entry.type === 'release' ? entry.commit : undefined
}

/** Marks a run's commit as done in the ledger, unless an entry does so already. A failure costs one more run, so it is a warning. */
export async function noteCommit(session: Session, result: RunResult): Promise<RunResult> {
  const { runId, record, ledger, context } = session
  const { commit, dirty } = record
  if (commit === undefined || dirty) return result
  try {
    const entries = await ledger.read(context)
    if (entries.every((entry) => commitOf(entry) !== commit))
      await ledger.append({ type: 'run', runId, commit, status: result.status }, context)
  } catch (error) {
    context.signal.throwIfAborted()
    session.warn(
      `The ledger does not record that the commit ${commit.slice(0, 10)} was run: ${messageOf(error)} A later run that is triggered considers its changes again.`,
      { commit },
    )
  }
  return result
}
