import { createRedactor, redactJson } from '../core/index.js'
import type { Finding } from '../gate/index.js'
import { isJudgedBy } from './failed-before.js'
import type { PipelineOptions, PipelineParts } from './options.js'
import { lastRun } from './run-records.js'

/**
 * What the gate will find on the next candidate, whatever is trained: from what the trainer says of itself, and from what
 * this gate found on its last candidate.
 */
export async function foreseen({
  trainer,
  gate,
  store,
  secrets,
}: Pick<PipelineOptions<never, never>, 'trainer' | 'gate' | 'secrets'> & Pick<PipelineParts, 'store'>): Promise<
  readonly Finding[]
> {
  if (gate.foresee === undefined) return []
  const run = await lastRun(
    store,
    ({ candidate, verdict }) => verdict !== undefined && candidate?.record.trainer.name === trainer.name,
  )
  const { verdict, policy } = run ?? {}
  // Another gate, or another version of a check, may answer otherwise.
  const isSame = isJudgedBy(policy, redactJson(gate.describe(), createRedactor(secrets)))
  return gate.foresee({
    trainer: trainer.name,
    weightsFormat: trainer.weightsFormat,
    ...(isSame && verdict !== undefined && { last: { runId: run!.runId, findings: verdict.findings } }),
  })
}
