import { isSheikhError, messageOf, SheikhError } from '../../core/index.js'
import { certificatesOf } from './certificate.js'
import { parseJson } from './parse-json.js'
import { hashOf, keyIdOf, pemOf, readPublicKey } from './public-key.js'

/** A key that a project trusts. It lives in Git, so that whoever adds, renews or revokes one does it by a commit. */
export interface TrustedKey {
  readonly keyId: string
  readonly publicKeyPem: string
  /** Of a signer, or of an authority: then whatever it issued is trusted too. */
  readonly certificatePem?: string | undefined
  /** Who signs with it. */
  readonly by: string
  /** Milliseconds since 1970, UTC; from then on, and until just before. */
  readonly validFromMs: number
  readonly validUntilMs?: number | undefined
  /** The key was lost to others: nothing that it signed is trusted any more, whenever it was. */
  readonly revokedAtMs?: number | undefined
  readonly revocationReason?: string | undefined
}

export type KeyTrust = 'trusted' | 'not-yet-valid' | 'expired' | 'revoked' | 'unknown'

/**
 * Whether a key was trusted at a time.
 *
 * A revoked one never is, not even for a time before: whoever stole it signs under any date.
 *
 * @param atMs when it signed, as the ledger says it.
 */
export function trustAt(keys: readonly TrustedKey[], keyId: string, atMs: number): KeyTrust {
  const key = keys.find((one) => one.keyId === keyId)
  if (key === undefined) return 'unknown'
  if (key.revokedAtMs !== undefined) return 'revoked'
  // Written so that what is no number is not trusted.
  if (!(atMs >= key.validFromMs)) return 'not-yet-valid'
  return key.validUntilMs === undefined || atMs < key.validUntilMs ? 'trusted' : 'expired'
}

/** Reads `mlops/keys/trusted.json`. @param where its path, for messages. @throws `invalid-config` naming the place in it. */
export function parseTrustedKeys(text: string, where: string): readonly TrustedKey[] {
  const document = parseJson(text)
  if (typeof document === 'string') throw invalid(where, '', document)
  onlyMembers(document, ['formatVersion', 'keys'], where, '')
  if (document['formatVersion'] !== 1) throw invalid(where, 'formatVersion', 'it is not 1')
  if (!Array.isArray(document['keys'])) throw invalid(where, 'keys', 'it is not a list')
  const keys = document['keys'].map((value: unknown, index) => parseKey(value, where, `keys[${index}]`))
  for (const [index, { keyId }] of keys.entries())
    if (keys.findIndex((key) => key.keyId === keyId) !== index)
      throw invalid(where, `keys[${index}].keyId`, 'the key stands in the list twice')
  return keys
}

const members = [
  'keyId',
  'publicKeyPem',
  'certificatePem',
  'by',
  'validFrom',
  'validUntil',
  'revokedAt',
  'revocationReason',
]

function parseKey(value: unknown, where: string, place: string): TrustedKey {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(where, place, 'it is not an object')
  const entry = value as Readonly<Record<string, unknown>>
  // One that is misspelt must not be passed over: it may be the revocation.
  onlyMembers(entry, members, where, place)
  const text = (name: string): string | undefined => {
    const member = entry[name]
    if (member === undefined || (typeof member === 'string' && member.trim() !== '')) return member
    throw invalid(where, `${place}.${name}`, 'it is not a text')
  }
  const time = (name: string): number | undefined => {
    const member = text(name)
    return member === undefined ? undefined : parseTime(member, where, `${place}.${name}`)
  }
  const required = <V>(name: string, read: V | undefined): V => {
    if (read === undefined) throw invalid(where, `${place}.${name}`, 'it is missing')
    return read
  }
  const certificatePem = text('certificatePem')
  const publicKeyPem = text('publicKeyPem')
  if ((certificatePem === undefined) === (publicKeyPem === undefined))
    throw invalid(where, place, 'it has not one of "publicKeyPem" and "certificatePem"')
  const key = parsePem(certificatePem ?? publicKeyPem!, certificatePem !== undefined, where, place)
  const keyId = required('keyId', text('keyId'))
  if (keyId !== key.keyId) throw invalid(where, `${place}.keyId`, `the key's is ${key.keyId}`)
  const validFromMs = required('validFrom', time('validFrom'))
  const validUntilMs = time('validUntil')
  if (validUntilMs !== undefined && validUntilMs <= validFromMs)
    throw invalid(where, `${place}.validUntil`, 'it is not after "validFrom"')
  const revokedAtMs = time('revokedAt')
  const revocationReason = text('revocationReason')
  if (revokedAtMs === undefined && revocationReason !== undefined)
    throw invalid(where, `${place}.revokedAt`, 'it is missing, and there is a reason')
  return {
    ...key,
    by: required('by', text('by')),
    validFromMs,
    ...(validUntilMs !== undefined && { validUntilMs }),
    ...(revokedAtMs !== undefined && { revokedAtMs }),
    ...(revocationReason !== undefined && { revocationReason }),
  }
}

function parsePem(
  pem: string,
  certified: boolean,
  where: string,
  place: string,
): Pick<TrustedKey, 'keyId' | 'publicKeyPem' | 'certificatePem'> {
  try {
    const certificates = certified ? certificatesOf(pem) : []
    if (certificates.length > 1) throw invalid(where, `${place}.certificatePem`, 'it holds more than one certificate')
    const key = certificates[0]?.publicKey ?? readPublicKey(pem)
    // An authority may have a key of any kind.
    if (!certified && hashOf(key) === undefined)
      throw invalid(where, `${place}.publicKeyPem`, 'it is not of the curve P-256, P-384 or P-521')
    return { keyId: keyIdOf(key), publicKeyPem: pemOf(key), ...(certified && { certificatePem: pem }) }
  } catch (error) {
    if (!isSheikhError(error, 'invalid-options')) throw error
    throw invalid(where, `${place}.${certified ? 'certificatePem' : 'publicKeyPem'}`, messageOf(error), error)
  }
}

function parseTime(text: string, where: string, place: string): number {
  const ms = Date.parse(text)
  // Back and forth, since Date.parse makes 2 March of 30 February.
  const same = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && new Date(ms).toJSON() === text.replace('Z', '.000Z')
  if (!same) throw invalid(where, place, 'it is not a time in UTC like 2026-01-31T00:00:00Z')
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
