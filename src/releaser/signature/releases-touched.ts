import type { Version } from '../releaser.js'
import { openEnvelope } from './envelope.js'
import { keysBehind } from './judge-signer.js'
import type { SigstoreTrust } from './sigstore-trust.js'
import { identityName } from './trusted-identities.js'
import type { TrustedKey } from './trusted-keys.js'

/** A release whose signature rests on a key or an identity that is revoked. */
export interface TouchedRelease {
  readonly version: Version
  /** Without a key: the identity. */
  readonly keyId: string
  readonly by: string
  readonly revokedAtMs: number
  readonly reason?: string | undefined
}

/**
 * The releases that revoked keys touch: those that such a key signed, or that a certificate of it stands behind.
 *
 * A file that cannot be read, or that names another key than its own, names no release here; `verifySignature` refuses it.
 *
 * @param signatures the text of each release's `model.sig` or statement.
 */
export function releasesTouched(
  keys: readonly TrustedKey[],
  signatures: Iterable<{ readonly version: Version; readonly signature: string }>,
  sigstore?: SigstoreTrust,
): readonly TouchedRelease[] {
  const touched: TouchedRelease[] = []
  const identities = (sigstore?.identities ?? []).map((identity) => ({ ...identity, keyId: identityName(identity) }))
  for (const { version, signature } of signatures) {
    const envelope = openEnvelope(signature)
    const behind = typeof envelope === 'string' ? [] : keysBehind(envelope, keys, sigstore)
    for (const { keyId, by, revokedAtMs, revocationReason: reason } of [...keys, ...identities])
      if (revokedAtMs !== undefined && behind.includes(keyId))
        touched.push({ version, keyId, by, revokedAtMs, ...(reason !== undefined && { reason }) })
  }
  return touched
}
