import { type Json, messageOf, SheikhError } from '../../core/index.js'
import { loadSigstore } from './load-sigstore.js'

/** What signs under an identity, and gives a whole Sigstore bundle: certificate, signature and the log's word for the time. */
export interface KeylessSigner {
  /** @param payload what is signed, as DSSE. @param payloadType its media type. @returns a Sigstore bundle 0.3 as JSON. */
  seal(payload: Uint8Array, payloadType: string): Promise<Json>
}

export interface SigstoreSignerOptions {
  /**
   * An OpenID Connect token for the audience `sigstore`.
   *
   * @default what the runner gives: of GitHub Actions (`permissions: id-token: write`), or `SIGSTORE_ID_TOKEN` (GitLab).
   */
  readonly identityToken?: string | undefined
  /**
   * The JSON of a Sigstore signing configuration (`signingconfig.v0.2+json`): the addresses of authority, log and
   * timestamps, for an instance of your own. @default Sigstore's public ones
   */
  readonly signingConfig?: string | undefined
}

/**
 * Signs without a key: Fulcio certifies a key made for this one signature, Rekor logs it. **The log is public**, and keeps
 * the identity (an e-mail address; a workflow's repository) for good.
 *
 * Needs `@sigstore/sign`, `@sigstore/bundle` and `@sigstore/protobuf-specs`.
 *
 * @throws from `seal`: `missing-peer`; `access-denied` without an identity, or where it is refused; `remote-failed`;
 * `invalid-options` for a signing configuration that is none.
 */
export function sigstoreSigner({ identityToken, signingConfig }: SigstoreSignerOptions = {}): KeylessSigner {
  return {
    async seal(payload, payloadType) {
      const [sign, { bundleToJSON }] = await Promise.all([
        loadSigstore('@sigstore/sign', () => import('@sigstore/sign')),
        loadSigstore('@sigstore/bundle', () => import('@sigstore/bundle')),
      ])
      const ambient = new sign.CIContextProvider()
      const identityProvider = { getToken: async () => checkToken(identityToken ?? (await ambient.getToken())) }
      const builder =
        signingConfig === undefined
          ? new sign.DSSEBundleBuilder({
              signer: new sign.FulcioSigner({ identityProvider, ...patience }),
              witnesses: [new sign.RekorWitness(patience)],
            })
          : sign.bundleBuilderFromSigningConfig({
              signingConfig: await parseSigningConfig(signingConfig),
              identityProvider,
              bundleType: 'dsseEnvelope',
              fetchOptions: patience,
            })
      try {
        return bundleToJSON(await builder.create({ data: Buffer.from(payload), type: payloadType })) as unknown as Json
      } catch (error) {
        throw failure(error)
      }
    },
  }
}

const patience = { timeout: 30_000, retry: { retries: 4 } }

/** The client puts a token that it cannot read into its message: such a one does not get there. */
function checkToken(token: string): string {
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && typeof claimsOf(token) === 'object') return token
  throw new Error('the identity token is not a JSON web token')
}

function claimsOf(token: string): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
    return claims ?? undefined
  } catch {
    return undefined
  }
}

async function parseSigningConfig(text: string) {
  const { SigningConfig } = await loadSigstore('@sigstore/protobuf-specs', () => import('@sigstore/protobuf-specs'))
  try {
    return SigningConfig.fromJSON(JSON.parse(text))
  } catch (error) {
    throw new SheikhError(
      'invalid-options',
      `Cannot sign with Sigstore: the signing configuration is not one (${messageOf(error)}). Give the JSON of signing_config.v0.2.json.`,
      { cause: error },
    )
  }
}

interface ClientError {
  readonly code?: unknown
  readonly cause?: { readonly statusCode?: unknown }
}

function failure(error: unknown): SheikhError {
  const { code, cause } = error as ClientError
  if (code === 'IDENTITY_TOKEN_READ_ERROR' || code === 'IDENTITY_TOKEN_PARSE_ERROR')
    return new SheikhError(
      'access-denied',
      'Cannot sign with Sigstore: there is no identity. In GitHub Actions give the job "permissions: id-token: write"; elsewhere put a token for the audience "sigstore" into SIGSTORE_ID_TOKEN.',
      { facts: { reason: messageOf((error as Error).cause) } },
    )
  const status = cause?.statusCode
  const isRefused = typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 429
  return new SheikhError(
    isRefused ? 'access-denied' : 'remote-failed',
    `Cannot sign with Sigstore: ${messageOf(error)}. ${isRefused ? 'Check the identity and the addresses' : 'Run again later: nothing was released'}.`,
    { cause: error, ...(typeof status === 'number' && { facts: { status } }) },
  )
}
