import type { X509Certificate } from 'node:crypto'
import { canonicalJson, type Json, SheikhError } from '../../core/index.js'
import { toCertificate } from './certificate.js'
import { objectOf, parseJson } from './parse-json.js'
import type { Signer } from './signer.js'
import type { KeylessSigner } from './sigstore-signer.js'

/** A model of 10,000 files with the longest paths has half of it. */
const maximumCharacters = 32 << 20
/** Honest chains have two to four. */
const maximumCertificates = 10
/** Ours has 64, and it goes into messages. */
const maximumHint = 256
const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const payloadType = 'application/vnd.in-toto+json'

const oldPredicate = /"predicateType":\s*"https:\/\/model_signing\/Digest[A-Za-z]*\/v0\.1"/

/** Who is said to have signed: a key by its name (absent in older files), certificates from the signer's up, or an identity in Sigstore's log. */
export type Material =
  | { readonly kind: 'key'; readonly hint?: string | undefined }
  | { readonly kind: 'certificates'; readonly certificates: readonly [X509Certificate, ...X509Certificate[]] }
  | { readonly kind: 'keyless'; readonly bundle: unknown }

/** A signed statement, read but not judged. */
export interface Envelope {
  readonly payload: Buffer
  /** What the signature is over. */
  readonly signed: Buffer
  readonly signature: Buffer
  readonly material: Material
}

/** A statement signed and put into a Sigstore bundle 0.3 (DSSE inside), as JSON text. */
export async function sealStatement(statement: Json, signer: Signer | KeylessSigner): Promise<string> {
  const payload = Buffer.from(canonicalJson(statement))
  if ('seal' in signer) return sealedBy(signer, payload)
  const { signature, verificationMaterial } = await signer.sign(signedBytes(payload))
  return canonicalJson({
    mediaType,
    verificationMaterial,
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: Buffer.from(signature).toString('base64'), keyid: '' }],
    },
  })
}

async function sealedBy(signer: KeylessSigner, payload: Buffer): Promise<string> {
  const text = canonicalJson(await signer.seal(payload, payloadType))
  const envelope = openEnvelope(text)
  if (typeof envelope !== 'string' && envelope.payload.equals(payload)) return text
  const fact = typeof envelope === 'string' ? envelope : 'it is of another statement'
  throw new SheikhError('remote-failed', `Cannot use what the signer gave: ${fact}. Give another signer.`)
}

/** Reads such a text, or says in words why it is none. Never throws. */
export function openEnvelope(text: string): Envelope | string {
  if (text.length > maximumCharacters) return `it has more than ${maximumCharacters} characters`
  const bundle = parseJson(text)
  if (typeof bundle === 'string') return bundle
  if (bundle['mediaType'] !== mediaType) return `its media type is not ${mediaType}`
  const dsse = objectOf(bundle['dsseEnvelope'])
  if (dsse['payloadType'] !== payloadType) return `its payload is not of the type ${payloadType}`
  const signatures = dsse['signatures']
  if (!Array.isArray(signatures) || signatures.length !== 1) return 'it has not one signature'
  const payload = fromBase64(dsse['payload'])
  const signature = fromBase64(objectOf(signatures[0])['sig'])
  if (payload === undefined || signature === undefined) return 'its payload or its signature is not Base64'
  // Said before the signature is checked: it is over another encoding ("DSSEV1"), and would look forged.
  if (oldPredicate.test(payload.toString('latin1')))
    return 'it was written by model-signing 0.2, which signed another encoding than DSSE. Sign the model again with version 1.0 or later'
  const material = materialOf(bundle)
  return typeof material === 'string' ? material : { payload, signed: signedBytes(payload), signature, material }
}

function materialOf(bundle: Readonly<Record<string, unknown>>): Material | string {
  const { publicKey, x509CertificateChain, certificate } = objectOf(bundle['verificationMaterial'])
  if ([publicKey, x509CertificateChain, certificate].filter((value) => value !== undefined).length !== 1)
    return 'it does not name one key, one chain of certificates or one identity'
  if (certificate !== undefined) return { kind: 'keyless', bundle }
  if (publicKey !== undefined) {
    const { hint } = objectOf(publicKey)
    if (hint !== undefined && (typeof hint !== 'string' || hint.length > maximumHint))
      return `the name of its key is not a text of up to ${maximumHint} characters`
    // As `model_signing` reads an empty one.
    return hint === undefined || hint === '' ? { kind: 'key' } : { kind: 'key', hint }
  }
  const { certificates } = objectOf(x509CertificateChain)
  if (!Array.isArray(certificates) || certificates.length > maximumCertificates)
    return `its certificates are not a list of 1 to ${maximumCertificates}`
  const [leaf, ...chain] = certificates.map((entry) => {
    const raw = fromBase64(objectOf(entry)['rawBytes'])
    return raw && toCertificate(raw)
  })
  if (leaf === undefined || chain.includes(undefined)) return 'one of its certificates cannot be read'
  return { kind: 'certificates', certificates: [leaf, ...(chain as X509Certificate[])] }
}

/** DSSE 1.0, "pre-authentication encoding". */
function signedBytes(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload])
}

// Buffer skips over what is not Base64: only what it would write itself is taken.
function fromBase64(value: unknown): Buffer | undefined {
  if (typeof value !== 'string') return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? bytes : undefined
}
