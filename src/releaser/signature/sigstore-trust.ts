import { messageOf, SheikhError } from '../../core/index.js'
import { loadSigstore } from './load-sigstore.js'
import type { TrustedIdentity } from './trusted-identities.js'

/** What Sigstore says of a bundle: who signed it; or why that cannot be believed. */
export type KeylessSignature =
  | { readonly status: 'verified'; readonly issuer: string; readonly subject: string }
  /** `invalid`: damaged or forged. `unknown`: by an authority or a log that the root does not name. */
  | { readonly status: 'invalid' | 'unknown'; readonly reason: string }

/** Whom to believe that signs under an identity. */
export interface SigstoreTrust {
  readonly identities: readonly TrustedIdentity[]
  /** Checks certificate, log and signature against the root, offline. @param bundle its JSON. Never throws. */
  check(bundle: unknown): KeylessSignature
}

export interface SigstoreTrustOptions {
  readonly identities: readonly TrustedIdentity[]
  /**
   * The JSON of Sigstore's `trusted_root.json`, or of your own instance's. Given, and not fetched: whoever trusts other
   * authorities or logs does it by a commit.
   */
  readonly trustedRoot: string
}

/**
 * Makes ready to judge signatures without a key. Needs `@sigstore/verify`, `@sigstore/bundle` and `@sigstore/protobuf-specs`.
 *
 * @throws `missing-peer`; `invalid-options` for what is no trusted root.
 */
export async function sigstoreTrust({ identities, trustedRoot }: SigstoreTrustOptions): Promise<SigstoreTrust> {
  const [{ toSignedEntity, toTrustMaterial, Verifier }, { bundleFromJSON }, { TrustedRoot }] = await Promise.all([
    loadSigstore('@sigstore/verify', () => import('@sigstore/verify')),
    loadSigstore('@sigstore/bundle', () => import('@sigstore/bundle')),
    loadSigstore('@sigstore/protobuf-specs', () => import('@sigstore/protobuf-specs')),
  ])
  const verifier = (() => {
    try {
      return new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(trustedRoot))))
    } catch (error) {
      throw new SheikhError(
        'invalid-options',
        `Cannot trust Sigstore's root: it is not one (${messageOf(error)}). Give the JSON of trusted_root.json.`,
        { cause: error },
      )
    }
  })()
  return {
    identities,
    check(bundle) {
      try {
        const { identity } = verifier.verify(toSignedEntity(bundleFromJSON(bundle)))
        const subject = identity?.subjectAlternativeName
        const issuer = identity?.extensions?.issuer
        if (!subject || !issuer) return { status: 'invalid', reason: 'its certificate names no identity' }
        return { status: 'verified', issuer, subject }
      } catch (error) {
        const { code } = error as { readonly code?: unknown }
        return {
          status: notVouchedFor.test(String(code)) ? 'unknown' : 'invalid',
          reason: `Sigstore: ${messageOf(error)}`,
        }
      }
    },
  }
}

/** The verifier's codes for what nothing in the root stands behind; all others are of the bundle itself. */
const notVouchedFor = /^(CERTIFICATE_ERROR|TIMESTAMP_ERROR|TLOG_(INCLUSION|MISSING)_.*)$/
