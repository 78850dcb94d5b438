import { SheikhError } from '../core/index.js'
import type { LivePipeline } from './act.js'
import { type ExperimentState, experimentsOf } from './state.js'

/**
 * Ends a live test without a result: everybody gets the control. Servers see it at their next check. A test that has ended
 * stays as it is.
 *
 * @throws `not-found`; `invalid-options` without a name and a reason.
 */
export async function stopExperiment(
  pipeline: Pick<LivePipeline, 'ledger' | 'noteExperiment'>,
  name: string,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<ExperimentState> {
  if (by.trim() === '' || reason.trim() === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot stop the live test ${JSON.stringify(name)}: the ledger records who stops it and why. Give a name and a reason.`,
    )
  const read = async () => experimentsOf(await pipeline.ledger()).find((each) => each.name === name)
  const state = await read()
  if (state === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot stop the live test ${JSON.stringify(name)}: the ledger has no test with this name. List them: sheikh experiment status`,
    )
  if (state.status === 'ended') return state
  const { control, treatment, step } = state
  const end = { action: 'end', step, share: 0, reason, result: 'stopped', by } as const
  await pipeline.noteExperiment({ name, control, treatment, ...end })
  return (await read())!
}
