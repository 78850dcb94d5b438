import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { digestBytes, hexOf, SheikhError } from '../../core/index.js'

/** The curves of the model signing format, each with its hash. */
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
}

export interface SigningKey {
  /** PKCS #8. A secret: never in Git. */
  readonly privateKeyPem: string
  readonly publicKeyPem: string
  readonly keyId: string
}

/** A new key of the curve P-256. @param passphrase encrypts the private key (AES-256). */
export function generateSigningKey({ passphrase }: { readonly passphrase?: string | undefined } = {}): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString(),
    publicKeyPem: pemOf(publicKey),
    keyId: keyIdOf(publicKey),
  }
}

/**
 * The name of a public key: SHA-256 of its PEM (SubjectPublicKeyInfo), 64 hexadecimal digits, as `model_signing` writes it.
 *
 * @throws `invalid-options` for a PEM that holds no public key.
 */
export function keyIdOf(key: string | KeyObject): string {
  return hexOf(digestBytes(typeof key === 'string' ? pemOf(readPublicKey(key)) : pemOf(key)))
}

/** @throws `invalid-options` for a private key too: it has no place where a public one is asked for. */
export function readPublicKey(pem: string): KeyObject {
  if (/PRIVATE KEY/.test(pem)) throw unusable('it is a private key, which must stay secret')
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw unusable('it is not the PEM of one', error)
  }
}

/** The one PEM of a key: curve by name, point not compressed. */
export function pemOf(key: KeyObject): string {
  const plain = hashOf(key) === undefined ? key : createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' })
  return plain.export({ type: 'spki', format: 'pem' }).toString()
}

/** What is hashed with before the key signs; `undefined` for a key that the format has not. */
export function hashOf({ asymmetricKeyDetails }: KeyObject): string | undefined {
  const curve = asymmetricKeyDetails?.namedCurve
  return curve !== undefined && Object.hasOwn(curves, curve) ? curves[curve] : undefined
}

/** Whether the signature (DER) is the key's. */
export function isSignedBy(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  const hash = hashOf(key)
  return hash !== undefined && verify(hash, bytes, { key, dsaEncoding: 'der' }, signature)
}

const unusable = (fact: string, cause?: unknown) =>
  new SheikhError('invalid-options', `Cannot use the public key: ${fact}. Give a key of the curve P-256 in PEM.`, {
    ...(cause !== undefined && { cause }),
  })
