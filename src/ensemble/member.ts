import { type CallContext, type JsonObject, SheikhError, type SheikhErrorOptions } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import { isName } from '../store/index.js'
import type { Trainer, TrainerEnvironment } from '../trainer/index.js'

/** A part of an ensemble, before it is trained. */
export interface Member<I, T> {
  readonly name: string
  readonly share: number
  readonly trainer: Trainer<I, T>
  /** Its place among the members, from 0. */
  readonly index: number
}

/** @throws `invalid-options` without members, or for a name or a share that cannot be used. */
export function membersOf<I, T>({
  members,
  shares = {},
}: {
  readonly members: Readonly<Record<string, Trainer<I, T>>>
  readonly shares?: Readonly<Record<string, number>> | undefined
}): readonly Member<I, T>[] {
  const names = Object.keys(members)
  if (names.length === 0) throw refusal('it has no members', 'Add at least two')
  const unknown = Object.keys(shares).find((name) => !Object.hasOwn(members, name))
  if (unknown !== undefined)
    throw refusal(`"shares" names "${unknown}", which is no member`, `The members are ${names.join(', ')}`)
  return names.map((name, index) => {
    const share = shares[name] ?? 1
    if (!isName(name))
      throw refusal(`${JSON.stringify(name)} is no name of a member`, 'Use lower-case letters, digits and "-"')
    if (!(share > 0 && Number.isFinite(share)))
      throw refusal(`the share of "${name}" is ${share}, which is not above 0`, 'Correct it, or remove the member')
    return { name, share, index, trainer: members[name]! }
  })
}

/** A part of an ensemble in JSON. */
export const described = (part: Trainer<never, never> | Metric): JsonObject => ({
  name: part.name,
  version: part.version ?? null,
  describe: part.describe(),
})

export async function environmentOf<I, T>(
  members: readonly Member<I, T>[],
  context: CallContext,
): Promise<TrainerEnvironment> {
  const environments = await Promise.all(
    members.map(async ({ name, trainer }) => [name, await trainer.environment?.(context)] as const),
  )
  const known = environments.flatMap(([name, environment]) =>
    environment === undefined ? [] : ([[name, environment]] as const),
  )
  return {
    packages: Object.assign({}, ...known.map(([, { packages }]) => packages)) as TrainerEnvironment['packages'],
    device: Object.fromEntries(known.map(([name, { device }]) => [name, device])),
  }
}

/** The seed of a member: different for each, also at the end of the integers. */
export const seedOf = (seed: number, index: number) =>
  Number.isSafeInteger(seed + index) ? seed + index : seed - index

/** Says which member failed. A fault of the machine stays as it is. */
export function ofMember(error: unknown, name: string): unknown {
  if (!(error instanceof SheikhError)) return error
  const { code, message, facts, retryable } = error
  const options: SheikhErrorOptions = { facts: { ...facts, member: name }, retryable, cause: error }
  return new SheikhError(code, `The member "${name}" of the ensemble: ${message}`, options)
}

export const refusal = (fact: string, remedy: string) =>
  new SheikhError('invalid-options', `Cannot make the ensemble: ${fact}. ${remedy}.`)
