import { createPublicKey, type X509Certificate } from 'node:crypto'
import { certificatesOf, isIssuedBy, outsideDates, rulesOf } from './certificate.js'
import type { Envelope } from './envelope.js'
import { hashOf, isSignedBy, keyIdOf } from './public-key.js'
import type { SigstoreTrust } from './sigstore-trust.js'
import type { TrustDates } from './trust-document.js'
import { identityName } from './trusted-identities.js'
import { type KeyTrust, type TrustedKey, trustOf } from './trusted-keys.js'

/** Whom to believe, and when. */
export interface TrustOptions {
  readonly trustedKeys: readonly TrustedKey[]
  /** Certificates of authorities in PEM, beside those among the keys. */
  readonly trustedRoots?: readonly string[] | undefined
  /** Identities, and the root to check them by. @default nobody is believed who signs without a key */
  readonly sigstore?: SigstoreTrust | undefined
  /** When it was signed, as something says that the signer could not write alone: the ledger, a commit. Milliseconds. */
  readonly atMs: number
}

/** The signature is one, but not of somebody who is trusted; nothing that it says was read. */
export interface UntrustedSignature {
  readonly status: 'untrusted'
  readonly trust: Exclude<KeyTrust, 'trusted'>
  readonly keyId?: string | undefined
  readonly reason: string
}

/** It cannot be believed: damaged, or not what it says it is. */
export interface InvalidSignature {
  readonly status: 'invalid'
  readonly reason: string
}

export interface ValidSignature {
  readonly status: 'valid'
  /** Without a key: the identity. */
  readonly keyId: string
  /** As the list of keys says; of a certificate that an authority issued, its subject. */
  readonly by: string
}

/** Who signed, and whether they are trusted. @throws `invalid-options` for roots that are no certificates. */
export function judgeSigner(
  envelope: Envelope,
  trust: TrustOptions,
): ValidSignature | InvalidSignature | UntrustedSignature {
  const { material } = envelope
  if (material.kind === 'keyless') return judgeIdentity(material.bundle, trust)
  if (material.kind === 'certificates') return judgeCertificates(envelope, material.certificates, trust)
  const { hint } = material
  const named = trust.trustedKeys.filter(({ keyId }) => hint === undefined || keyId === hint)
  const key = named.find(({ publicKeyPem }) => isSigned(envelope, publicKeyPem))
  if (key !== undefined) {
    // What its certificate says holds, though the file leaves it out.
    const [certificate] = certificateOf(key)
    return certificate === undefined ? judgeKey(key, trust.atMs) : judgeCertificates(envelope, [certificate], trust)
  }
  if (named.length === 0 || hint === undefined)
    return untrusted(
      'unknown',
      hint === undefined ? 'no key that is known signed it' : `the key ${JSON.stringify(hint)} is not known`,
      hint,
    )
  return { status: 'invalid', reason: `the signature is not that of the key ${hint}` }
}

/** The names of all keys that a signature rests on, as far as the file and the list tell. */
export function keysBehind(
  envelope: Envelope,
  keys: readonly TrustedKey[],
  sigstore?: SigstoreTrust,
): readonly string[] {
  const { material } = envelope
  if (material.kind === 'keyless') {
    const signature = sigstore?.check(material.bundle)
    return signature?.status === 'verified' ? [identityName(signature)] : []
  }
  if (material.kind === 'key') {
    if (material.hint !== undefined) return [material.hint]
    return keys.filter(({ publicKeyPem }) => isSigned(envelope, publicKeyPem)).map(({ keyId }) => keyId)
  }
  const { certificates } = material
  const issuers = keys.filter((key) =>
    certificateOf(key).some((authority) => certificates.some((certificate) => isIssuedBy(certificate, authority))),
  )
  return [...certificates.map(({ publicKey }) => keyIdOf(publicKey)), ...issuers.map(({ keyId }) => keyId)]
}

const certificateOf = ({ certificatePem }: TrustedKey) =>
  certificatePem === undefined ? [] : certificatesOf(certificatePem)

const isSigned = ({ signed, signature }: Envelope, publicKeyPem: string) =>
  isSignedBy(createPublicKey(publicKeyPem), signed, signature)

function judgeCertificates(
  { signed, signature }: Envelope,
  [leaf, ...chain]: readonly [X509Certificate, ...X509Certificate[]],
  { trustedKeys, trustedRoots = [], atMs }: TrustOptions,
): ValidSignature | InvalidSignature | UntrustedSignature {
  if (hashOf(leaf.publicKey) === undefined)
    return { status: 'invalid', reason: "the certificate's key is not of the curve P-256, P-384 or P-521" }
  if (!isSignedBy(leaf.publicKey, signed, signature))
    return { status: 'invalid', reason: "the signature is not that of the certificate's key" }
  const keyId = keyIdOf(leaf.publicKey)
  const roots = trustedRoots.flatMap(certificatesOf)
  const listed = trustedKeys.flatMap(certificateOf)
  const candidates = [...listed, ...roots, ...chain]
  // A path upwards, one issuer a step. Bounded: certificates may have issued each other.
  let certificate: X509Certificate | undefined = leaf
  for (let below = 0; certificate !== undefined && below <= chain.length + 1; below += 1) {
    const subject = nameOf(certificate)
    const key = trustedKeys.find((one) => one.keyId === keyIdOf(certificate!.publicKey))
    // A key alone is trusted to sign, not to issue; but revoked, it takes along what it issued.
    if (key?.revokedAtMs !== undefined) return judgeKey(key, atMs)
    const outside = outsideDates(certificate, atMs)
    if (outside !== undefined) return untrusted(outside, `the certificate of "${subject}" is ${words[outside]}`, keyId)
    const { maySign, pathLength = Infinity, notUnderstood } = rulesOf(certificate)
    if (notUnderstood !== undefined)
      return untrusted('unknown', `the certificate of "${subject}" has a rule that is not understood here`, keyId)
    if (below === 0 && !maySign)
      return untrusted(
        'unknown',
        `the certificate of "${subject}" is not for signing (digitalSignature, codeSigning)`,
        keyId,
      )
    if (below - 1 > pathLength)
      return untrusted('unknown', `the certificate of "${subject}" does not allow so long a chain`, keyId)
    if (key !== undefined && (below === 0 || key.certificatePem !== undefined)) {
      const judged = judgeKey(key, atMs)
      return judged.status === 'valid' ? { status: 'valid', keyId, by: below === 0 ? key.by : nameOf(leaf) } : judged
    }
    if (roots.some(({ raw }) => raw.equals(certificate!.raw))) return { status: 'valid', keyId, by: nameOf(leaf) }
    const issuers: readonly X509Certificate[] = candidates.filter((issuer) => isIssuedBy(certificate!, issuer))
    certificate = issuers.find((issuer) => outsideDates(issuer, atMs) === undefined) ?? issuers[0]
  }
  return untrusted('unknown', `nobody who is trusted vouches for the certificate of "${nameOf(leaf)}"`, keyId)
}

function judgeIdentity(
  bundle: unknown,
  { sigstore, atMs }: TrustOptions,
): ValidSignature | InvalidSignature | UntrustedSignature {
  if (sigstore === undefined)
    return untrusted('unknown', "the signer is an identity in Sigstore's log, and no root is given to check it by")
  const signature = sigstore.check(bundle)
  if (signature.status !== 'verified')
    return signature.status === 'unknown'
      ? untrusted('unknown', signature.reason)
      : { status: 'invalid', reason: signature.reason }
  const name = identityName(signature)
  // Member by member: in one text, an issuer could play a part of the subject.
  const identity = sigstore.identities.find(
    ({ issuer, subject }) => issuer === signature.issuer && subject === signature.subject,
  )
  if (identity === undefined) return untrusted('unknown', `the identity ${name} is not known`, name)
  return judgeDates(identity, { keyId: name, by: identity.by, called: `the identity ${name}` }, atMs)
}

const judgeKey = (key: TrustedKey, atMs: number) =>
  judgeDates(key, { keyId: key.keyId, by: key.by, called: `the key ${key.keyId}` }, atMs)

function judgeDates(
  dates: TrustDates,
  { keyId, by, called }: { readonly keyId: string; readonly by: string; readonly called: string },
  atMs: number,
): ValidSignature | UntrustedSignature {
  const trust = trustOf(dates, atMs)
  if (trust === 'trusted') return { status: 'valid', keyId, by }
  const why = dates.revocationReason === undefined ? '' : ` (${dates.revocationReason})`
  return untrusted(trust, `${called} of ${by} is ${words[trust]}${why}`, keyId)
}

const words = {
  'not-yet-valid': 'not valid yet at that time',
  expired: 'not valid any more at that time',
  revoked: 'revoked',
  unknown: 'not known',
} as const

function untrusted(trust: UntrustedSignature['trust'], reason: string, keyId?: string): UntrustedSignature {
  return { status: 'untrusted', trust, ...(keyId !== undefined && { keyId }), reason }
}

/** The subject in one line: a part of it each. */
const nameOf = ({ subject }: X509Certificate) => (subject ?? '').replaceAll('\n', ', ')
