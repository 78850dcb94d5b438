import { createRedactor, redactJson } from '../core/index.js'
import type { Finding } from '../gate/index.js'
import { isJudgedBy } from './failed-before.js'
import type { PipelineParts } from './options.js'
import { lastRun } from './run-records.js'
import { variantsOf } from './variants.js'

/**
 * What the gate will find on the next candidate, whatever is trained: from what the trainer says of itself, and from what
 * this gate found on its last candidate.
 */
export async function foreseen(options: Asked): Promise<readonly Finding[]> {
  // Candidates of one trainer with other settings or seeds: what it says of itself is the same.
  const trainers = new Map(
    variantsOf(options).map(({ trainer }) => [`${trainer.name} ${trainer.weightsFormat}`, trainer]),
  )
  const findings: Finding[] = []
  for (const trainer of trainers.values()) findings.push(...(await foreseenOf(trainer, options)))
  return findings
}

type Asked = Pick<PipelineParts, 'trainer' | 'candidates' | 'gate' | 'store' | 'secrets'>

async function foreseenOf(
  trainer: PipelineParts['trainer'],
  { gate, store, secrets }: Asked,
): Promise<readonly Finding[]> {
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
