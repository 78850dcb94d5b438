import type { ExperimentDecision, LedgerEntry } from '../gate/index.js'
import type { Release, Version } from '../releaser/index.js'
import type { ExperimentState } from './state.js'

/** What a live test needs of a `Pipeline`. */
export interface LivePipeline {
  /** Verified. */
  ledger(): Promise<readonly LedgerEntry[]>
  noteExperiment(decision: ExperimentDecision): Promise<void>
  history(): Promise<readonly Release[]>
  channels(): Promise<Readonly<Record<string, Version>>>
  promote(version: Version, options: { readonly to: string; readonly by: string }): Promise<unknown>
  withdraw(version: Version, options: { readonly reason: string; readonly by: string }): Promise<unknown>
  rollback(options: { readonly to: Version; readonly reason: string; readonly by: string }): Promise<unknown>
}

export interface ActOptions {
  readonly pipeline: LivePipeline
  /** The channel that the pipeline releases to. */
  readonly channel: string
  /** The channel that points at a treatment that has won. */
  readonly promoteTo: string | undefined
}

/**
 * Does what the end of a live test asks for, unless the ledger says that it is done: withdraws a harmful treatment and
 * points channels back at the control, or points a channel at a treatment that has won. Safe to repeat.
 */
export async function act(state: ExperimentState, { pipeline, channel, promoteTo }: ActOptions): Promise<void> {
  const { name, control, treatment, result, reason } = state
  const by = `live test ${name}`
  if (result === 'success' && promoteTo !== undefined) {
    const entries = await pipeline.ledger()
    // By the order of lines: the clock of the host that promoted may be behind. A ledger that was lost has no line of the end.
    const end = entries.findIndex(
      (entry) => entry.type === 'experiment' && entry.name === name && entry.action === 'end',
    )
    const isDone = entries
      .slice(Math.max(end, 0))
      .some((entry) => entry.type === 'promotion' && entry.channel === promoteTo && entry.version === treatment)
    if (!isDone) await pipeline.promote(treatment, { to: promoteTo, by })
  }
  if (result !== 'harm') return
  const isWithdrawn = (entries: readonly LedgerEntry[]) =>
    entries.some((entry) => entry.type === 'withdrawal' && entry.version === treatment)
  if (isWithdrawn(await pipeline.ledger())) return
  const pointing = Object.entries(await pipeline.channels()).filter(([, version]) => version === treatment)
  for (const [to] of pointing) if (to !== channel) await pipeline.promote(control, { to, by })
  // A release that the pipeline's own channel points at is left by a rollback, which withdraws it.
  if (pointing.some(([to]) => to === channel)) await pipeline.rollback({ to: control, reason, by })
  if (!isWithdrawn(await pipeline.ledger())) await pipeline.withdraw(treatment, { reason, by })
}
