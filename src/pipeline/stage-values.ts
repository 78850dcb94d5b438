import { canonicalJson, type Json, messageOf, SheikhError } from '../core/index.js'
import type { RunRecord, StageRecord } from './run-result.js'

// Every reader of a registry reads the records of all releases.
const maximumValueBytes = 64 * 1024

/** The value that a host's stage returned, as it reads back from its JSON text. @throws `stage-failed` if it is not JSON or too large. */
export function checkedValue(stage: string, value: unknown): Json {
  const refused = (fact: string, remedy: string, facts: Readonly<Record<string, Json>> = {}, cause?: unknown) =>
    new SheikhError('stage-failed', `The stage "${stage}" returned a value that cannot be kept: ${fact}. ${remedy}`, {
      facts: { stage, ...facts },
      cause,
    })
  const asJson = 'Return { value } with plain JSON (null if there is nothing to keep).'
  const odd = notPlain(value, 0)
  if (odd !== undefined) throw refused(`it contains ${odd}, which is not JSON`, asJson)
  const text = jsonText(value, (error) => refused(messageOf(error).replace(/\.$/, ''), asJson, {}, error))
  const sizeBytes = Buffer.byteLength(text)
  if (sizeBytes > maximumValueBytes)
    throw refused(
      `as JSON it has ${sizeBytes} bytes, and ${maximumValueBytes} is the most`,
      'Return a summary, and write the rest into files.',
      { sizeBytes, maximumBytes: maximumValueBytes },
    )
  return JSON.parse(text) as Json
}

/** The stages of the candidate that the run's verdict is about, and those that all candidates share. */
export const stagesOf = ({ stages, candidate }: Pick<RunRecord, 'stages' | 'candidate'>): readonly StageRecord[] =>
  stages.filter((stage) => stage.candidate === undefined || stage.candidate === candidate?.name)

/** The last value of each host stage in a run's record, by stage; `undefined` if no stage returned one. */
export function stageValues(stages: readonly StageRecord[]): Readonly<Record<string, Json>> | undefined {
  const values = new Map(stages.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])))
  return values.size === 0 ? undefined : Object.fromEntries(values)
}

function jsonText(value: unknown, failed: (error: unknown) => SheikhError): string {
  try {
    return canonicalJson(value)
  } catch (error) {
    throw failed(error)
  }
}

/** The kind of the first object that JSON would empty or rewrite, such as a Date. `canonicalJson` finds everything else. */
function notPlain(value: unknown, depth: number): string | undefined {
  if (value === undefined && depth === 0) return 'undefined'
  // Deeper, and cycles: canonicalJson refuses them.
  if (typeof value !== 'object' || value === null || depth > 512) return undefined
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  if (kind !== 'Object' && kind !== 'Array') return `a ${kind}`
  for (const member of Object.values(value)) {
    const found = notPlain(member, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
