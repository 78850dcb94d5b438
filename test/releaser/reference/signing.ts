import { digestBytes, type Manifest, manifestOf } from '../../../src/core/index.js'
import { generateSigningKey, keySigner, type TrustedKey } from '../../../src/releaser/signature/index.js'

export const manifestFrom = (files: Readonly<Record<string, string>>): Manifest =>
  manifestOf(
    Object.entries(files).map(([path, text]) => ({
      path,
      sizeBytes: Buffer.byteLength(text),
      digest: digestBytes(text),
    })),
  )

export const date = (text: string) => Date.parse(`${text}T00:00:00Z`)

/** Made once a file: a key takes longer than most of what is tested. */
export const key = generateSigningKey()
export const signer = keySigner(key)
export const trusted: TrustedKey = {
  keyId: key.keyId,
  publicKeyPem: key.publicKeyPem,
  by: 'Ann',
  validFromMs: date('2025-01-01'),
  validUntilMs: date('2026-01-01'),
}
export const atMs = date('2025-06-01')

// biome-ignore lint/suspicious/noExplicitAny: what is changed here is broken on purpose.
export type Loose = any

/** A file's JSON with a change in it. */
export function changed(text: string, change: (bundle: Loose) => void): string {
  const bundle = JSON.parse(text)
  change(bundle)
  return JSON.stringify(bundle)
}

export const payloadOf = (text: string): Loose =>
  JSON.parse(Buffer.from(JSON.parse(text).dsseEnvelope.payload, 'base64').toString())
