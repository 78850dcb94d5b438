import { createPrivateKey, createPublicKey, type KeyObject, sign, type X509Certificate } from 'node:crypto'
import { type Json, SheikhError } from '../../core/index.js'
import { certificatesOf } from './certificate.js'
import { hashOf, keyIdOf } from './public-key.js'

/** What signs. One whose key stays in a key service implements it, and answers for the bytes with that service. */
export interface Signer {
  /** The name of its public key: `keyIdOf`. */
  readonly keyId: string
  /**
   * ECDSA in DER over SHA-256 of the bytes (a key of P-384: SHA-384, of P-521: SHA-512), and what goes with it into the
   * file: `{ publicKey: { hint: keyId }, tlogEntries: [] }` for a key.
   */
  sign(bytes: Uint8Array): Promise<{ readonly signature: Uint8Array; readonly verificationMaterial: Json }>
}

export interface KeySignerOptions {
  /** An elliptic curve key of P-256, P-384 or P-521 in PEM: PKCS #8 or SEC 1. */
  readonly privateKeyPem: string
  /** Of an encrypted PEM. */
  readonly passphrase?: string | undefined
}

/** Signs with a private key. @throws `invalid-options` where the key cannot be read or is of another kind. */
export function keySigner(options: KeySignerOptions): Signer {
  const key = readPrivateKey(options)
  const keyId = keyIdOf(createPublicKey(key))
  return signerOf(key, { publicKey: { hint: keyId }, tlogEntries: [] })
}

export interface CertificateSignerOptions extends KeySignerOptions {
  /** The certificate of that key, in PEM. */
  readonly certificatePem: string
  /** The certificates between it and a root that readers trust, in that order. The root may stay out. */
  readonly chainPem?: string | undefined
}

/** Signs with a private key and says by certificates whose it is. @throws `invalid-options` where they do not belong together. */
export function certificateSigner({ certificatePem, chainPem, ...options }: CertificateSignerOptions): Signer {
  const key = readPrivateKey(options)
  const [leaf, ...others] = certificatesOf(certificatePem)
  if (leaf === undefined || others.length > 0 || !leaf.checkPrivateKey(key))
    throw unusable('the certificate is not one, and one alone, of this private key')
  const certificates = [leaf, ...(chainPem === undefined ? [] : certificatesOf(chainPem))]
  return signerOf(key, { x509CertificateChain: { certificates: certificates.map(rawBytes) }, tlogEntries: [] })
}

function signerOf(key: KeyObject, verificationMaterial: Json): Signer {
  const hash = hashOf(key)
  if (hash === undefined) throw unusable('it is not of the curve P-256, P-384 or P-521')
  return {
    keyId: keyIdOf(createPublicKey(key)),
    sign: async (bytes) => ({ signature: sign(hash, bytes, { key, dsaEncoding: 'der' }), verificationMaterial }),
  }
}

function readPrivateKey({ privateKeyPem, passphrase }: KeySignerOptions): KeyObject {
  try {
    return createPrivateKey({ key: privateKeyPem, ...(passphrase !== undefined && { passphrase }) })
  } catch (error) {
    throw unusable('it cannot be read as PEM, or the passphrase is missing or wrong', error)
  }
}

const rawBytes = ({ raw }: X509Certificate) => ({ rawBytes: raw.toString('base64') })

const unusable = (fact: string, cause?: unknown) =>
  new SheikhError('invalid-options', `Cannot sign with the key: ${fact}. Give another one.`, {
    ...(cause !== undefined && { cause }),
  })
