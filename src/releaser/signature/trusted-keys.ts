import { isSheikhError, messageOf } from '../../core/index.js'
import { certificatesOf } from './certificate.js'
import { hashOf, keyIdOf, pemOf, readPublicKey } from './public-key.js'
import { type TrustDates, type TrustEntry, trustEntries } from './trust-document.js'

/** A key that a project trusts. It lives in Git, so that whoever adds, renews or revokes one does it by a commit. */
export interface TrustedKey extends TrustDates {
  readonly keyId: string
  readonly publicKeyPem: string
  /** Of a signer, or of an authority: then whatever it issued is trusted too. */
  readonly certificatePem?: string | undefined
  /** Who signs with it. */
  readonly by: string
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
  return key === undefined ? 'unknown' : trustOf(key, atMs)
}

/** The same of the dates alone. */
export function trustOf(dates: TrustDates, atMs: number): Exclude<KeyTrust, 'unknown'> {
  if (dates.revokedAtMs !== undefined) return 'revoked'
  // Written so that what is no number is not trusted.
  if (!(atMs >= dates.validFromMs)) return 'not-yet-valid'
  return dates.validUntilMs === undefined || atMs < dates.validUntilMs ? 'trusted' : 'expired'
}

const members = ['keyId', 'publicKeyPem', 'certificatePem', 'by']

/** Reads the keys of `mlops/keys/trusted.json`. @param where its path, for messages. @throws `invalid-config` naming the place in it. */
export function parseTrustedKeys(text: string, where: string): readonly TrustedKey[] {
  const entries = trustEntries(text, where, 'keys', members)
  const keys = entries.map(parseKey)
  for (const [index, { keyId }] of keys.entries())
    if (keys.findIndex((key) => key.keyId === keyId) !== index)
      throw entries[index]!.invalid('keyId', 'the key stands in the list twice')
  return keys
}

function parseKey(entry: TrustEntry): TrustedKey {
  const certificatePem = entry.text('certificatePem')
  const publicKeyPem = entry.text('publicKeyPem')
  if ((certificatePem === undefined) === (publicKeyPem === undefined))
    throw entry.invalid(undefined, 'it has not one of "publicKeyPem" and "certificatePem"')
  const key = parsePem(certificatePem ?? publicKeyPem!, certificatePem !== undefined, entry)
  if (entry.required('keyId') !== key.keyId) throw entry.invalid('keyId', `the key's is ${key.keyId}`)
  return { ...key, by: entry.required('by'), ...entry.dates() }
}

function parsePem(
  pem: string,
  certified: boolean,
  entry: TrustEntry,
): Pick<TrustedKey, 'keyId' | 'publicKeyPem' | 'certificatePem'> {
  const member = certified ? 'certificatePem' : 'publicKeyPem'
  try {
    const certificates = certified ? certificatesOf(pem) : []
    if (certificates.length > 1) throw entry.invalid(member, 'it holds more than one certificate')
    const key = certificates[0]?.publicKey ?? readPublicKey(pem)
    // An authority may have a key of any kind.
    if (!certified && hashOf(key) === undefined)
      throw entry.invalid(member, 'it is not of the curve P-256, P-384 or P-521')
    return { keyId: keyIdOf(key), publicKeyPem: pemOf(key), ...(certified && { certificatePem: pem }) }
  } catch (error) {
    if (!isSheikhError(error, 'invalid-options')) throw error
    throw entry.invalid(member, messageOf(error), error)
  }
}
