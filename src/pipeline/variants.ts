// The candidates that one run trains: that of `trainer`, and those that `candidates` names.
import {
  candidateName,
  canonicalJson,
  createRedactor,
  identityOf,
  type Json,
  mainCandidate,
  mostCandidates,
  redactJson,
  SheikhError,
  toJson,
} from '../core/index.js'
import type { CandidateRecord, Trainer } from '../trainer/index.js'
import type { PipelineOptions } from './options.js'

/** How a further candidate is made: by another trainer, with another seed, or both. */
export interface CandidateVariant<I = string, T = string> {
  /** A release that was made by it needs it to be loaded. @default the option `trainer` */
  readonly trainer?: Trainer<I, T> | undefined
  /** A whole number. @default the option `seed` */
  readonly seed?: number | undefined
}

/** A candidate that a run trains. */
export interface Variant {
  /** Absent: it is the only one. */
  readonly name?: string | undefined
  readonly trainer: Trainer<unknown, unknown>
  readonly seed: number
}

/** The name of a candidate, also if it is the only one. */
export const nameOf = ({ name = mainCandidate }: Variant): string => name

type Asked = Pick<PipelineOptions<unknown, unknown>, 'trainer' | 'seed' | 'candidates'>

/** The candidates of each run, in their order: among equals the first is chosen. */
export function variantsOf({ trainer, seed = 0, candidates = {} }: Asked): readonly Variant[] {
  const further = Object.entries(candidates)
  if (further.length === 0) return [{ trainer, seed }]
  const variants = further.map(([name, variant]) => ({
    name,
    trainer: variant.trainer ?? trainer,
    seed: variant.seed ?? seed,
  }))
  return [{ name: mainCandidate, trainer, seed }, ...variants]
}

/** @throws `invalid-options` for a name or a seed that is none, for too many candidates, and for two equal ones. */
export function checkCandidates(options: Asked): void {
  const known = new Map<string, string>()
  const variants = variantsOf(options)
  if (variants.length > mostCandidates)
    throw new SheikhError(
      'invalid-options',
      `Cannot choose among ${variants.length} candidates: ${mostCandidates} is the most. Search with tune() first, and name the best.`,
    )
  for (const [index, { name, trainer, seed }] of variants.entries()) {
    if (name === undefined) return
    const refused = (fact: string, remedy: string) =>
      new SheikhError('invalid-options', `Cannot use the candidate ${JSON.stringify(name)}: ${fact}. ${remedy}.`, {
        facts: { candidate: name },
      })
    if (!candidateName.test(name))
      throw refused('a name has 1 to 40 of a-z, 0-9 and "-", and begins with a letter', 'Choose another name')
    if (name === mainCandidate && index > 0)
      throw refused('the candidate of the option "trainer" has this name', 'Choose another name')
    if (!Number.isSafeInteger(seed)) throw refused(`its seed ${seed} is not a whole number`, 'Choose one, such as 1')
    const identity = identityOf(trainer)
    // Without a version, only the same object is certain to train the same model.
    const alike = variants.findIndex((one) => one.trainer === trainer)
    const made = canonicalJson(toJson({ identity: identity ?? alike, seed }))
    const same = known.get(made)
    if (same !== undefined)
      throw refused(
        `it is trained as ${JSON.stringify(same)} is`,
        'Give it another trainer or another seed, or remove it',
      )
    known.set(made, name)
  }
}

/** What of further candidates is in a key; nothing if there are none, so that keys of one candidate do not change. */
export function candidateParts(options: Asked): { readonly candidates?: Json } {
  const [, ...further] = variantsOf(options)
  if (further.length === 0) return {}
  return { candidates: further.map(({ name, trainer, seed }) => toJson({ name, trainer: identityOf(trainer), seed })) }
}

/** The candidate that was made in this way: by the same settings, else by a trainer of the same name, else the first. */
export function variantOf(
  options: Asked & Pick<PipelineOptions<unknown, unknown>, 'secrets'>,
  made: Pick<CandidateRecord, 'trainer' | 'seed'> | undefined,
): Variant {
  const variants = variantsOf(options)
  if (made === undefined || variants.length === 1) return variants[0]!
  // As it is in records.
  const redact = createRedactor(options.secrets)
  const settings = ({ name, version, describe }: Trainer<unknown, unknown>) =>
    canonicalJson(toJson(redactJson({ name, version, describe: describe() }, redact)))
  const { name, version, describe } = made.trainer
  const before = canonicalJson(toJson({ name, version, describe }))
  const alike = variants.filter(({ trainer }) => settings(trainer) === before)
  return (
    alike.find(({ seed }) => seed === made.seed) ??
    alike[0] ??
    variants.find(({ trainer }) => trainer.name === name) ??
    variants[0]!
  )
}
