import { SheikhError } from '../../core/index.js'
import { parseJson } from './parse-json.js'

/** When something is trusted. Milliseconds since 1970, UTC: from then on, and until just before. */
export interface TrustDates {
  readonly validFromMs: number
  readonly validUntilMs?: number | undefined
  /** It was lost to others: nothing that it signed is trusted any more, whenever it was. */
  readonly revokedAtMs?: number | undefined
  readonly revocationReason?: string | undefined
}

export const dateMembers = ['validFrom', 'validUntil', 'revokedAt', 'revocationReason'] as const

/** One entry of `mlops/keys/trusted.json`. All throw `invalid-config`, naming the place. */
export interface TrustEntry {
  text(name: string): string | undefined
  required(name: string): string
  dates(): TrustDates
  /** The error for this entry, or for a member of it. */
  invalid(member: string | undefined, fact: string, cause?: unknown): SheikhError
}

/** The entries of one list of the document, where a member that is unknown is an error: misspelt, it may be the revocation. */
export function trustEntries(
  text: string,
  where: string,
  list: 'keys' | 'identities',
  members: readonly string[],
): readonly TrustEntry[] {
  const document = parseJson(text)
  if (typeof document === 'string') throw invalid(where, '', document)
  onlyMembers(document, ['formatVersion', 'keys', 'identities'], where, '')
  if (document['formatVersion'] !== 1) throw invalid(where, 'formatVersion', 'it is not 1')
  const listed = document[list] ?? (list === 'identities' ? [] : undefined)
  if (!Array.isArray(listed)) throw invalid(where, list, 'it is not a list')
  return listed.map((value: unknown, index) => entryOf(value, members, where, `${list}[${index}]`))
}

function entryOf(value: unknown, members: readonly string[], where: string, place: string): TrustEntry {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(where, place, 'it is not an object')
  const values = value as Readonly<Record<string, unknown>>
  onlyMembers(values, [...members, ...dateMembers], where, place)
  const wrong: TrustEntry['invalid'] = (member, fact, cause) =>
    invalid(where, member === undefined ? place : `${place}.${member}`, fact, cause)
  const text = (name: string): string | undefined => {
    const member = values[name]
    if (member === undefined || (typeof member === 'string' && member.trim() !== '')) return member
    throw wrong(name, 'it is not a text')
  }
  const required = (name: string): string => {
    const member = text(name)
    if (member === undefined) throw wrong(name, 'it is missing')
    return member
  }
  const time = (name: string): number | undefined => {
    const member = text(name)
    return member === undefined ? undefined : timeOf(member, wrong, name)
  }
  const dates = (): TrustDates => {
    const validFromMs = timeOf(required('validFrom'), wrong, 'validFrom')
    const validUntilMs = time('validUntil')
    if (validUntilMs !== undefined && validUntilMs <= validFromMs)
      throw wrong('validUntil', 'it is not after "validFrom"')
    const revokedAtMs = time('revokedAt')
    const revocationReason = text('revocationReason')
    if (revokedAtMs === undefined && revocationReason !== undefined)
      throw wrong('revokedAt', 'it is missing, and there is a reason')
    return {
      validFromMs,
      ...(validUntilMs !== undefined && { validUntilMs }),
      ...(revokedAtMs !== undefined && { revokedAtMs }),
      ...(revocationReason !== undefined && { revocationReason }),
    }
  }
  return { text, required, dates, invalid: wrong }
}

function timeOf(text: string, wrong: TrustEntry['invalid'], member: string): number {
  const ms = Date.parse(text)
  // Back and forth, since Date.parse makes 2 March of 30 February.
  const same = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && new Date(ms).toJSON() === text.replace('Z', '.000Z')
  if (!same) throw wrong(member, 'it is not a time in UTC like 2026-01-31T00:00:00Z')
  return ms
}

function onlyMembers(value: object, known: readonly string[], where: string, place: string): void {
  const strange = Object.keys(value).find((name) => !known.includes(name))
  if (strange !== undefined)
    throw invalid(where, place === '' ? strange : `${place}.${strange}`, 'there is no such member')
}

function invalid(file: string, place: string, fact: string, cause?: unknown): SheikhError {
  const at = place === '' ? `"${file}"` : `"${file}" at ${place}`
  return new SheikhError('invalid-config', `Cannot use ${at}: ${fact.replace(/\.$/, '')}. Correct it.`, {
    facts: { file, place },
    ...(cause !== undefined && { cause }),
  })
}
