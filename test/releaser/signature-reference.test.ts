import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type FileEntry, manifestOf } from '../../src/core/index.js'
import {
  keyIdOf,
  keySigner,
  signManifest,
  type VerifySignatureOptions,
  verifySignature,
} from '../../src/releaser/signature/index.js'
import { changed, date, key, payloadOf } from './reference/signing.js'

interface Reference {
  readonly case: string
  readonly publicKeyPem: string
  readonly rootPem?: string
  readonly signature: string
}
const { files, cases } = JSON.parse(readFileSync(new URL('reference/signatures.json', import.meta.url), 'utf8')) as {
  readonly files: readonly FileEntry[]
  readonly cases: readonly Reference[]
}
const manifest = manifestOf(files)

describe.each(cases)('signed by model_signing: $case', ({ publicKeyPem, rootPem, signature, case: name }) => {
  const keyId = keyIdOf(publicKeyPem)
  const trustedKeys = [{ keyId, publicKeyPem, by: 'Ann', validFromMs: 0 }]
  const options: VerifySignatureOptions = {
    manifest,
    atMs: date('2025-06-01'),
    ...(rootPem === undefined ? { trustedKeys } : { trustedKeys: [], trustedRoots: [rootPem] }),
  }
  const unsigned = name === 'ignored paths' ? ['.gitattributes', 'notes/draft.md'] : ['.gitattributes']

  it('is valid', () => {
    const by = rootPem === undefined ? 'Ann' : 'CN=signer'
    expect(verifySignature(signature, options)).toEqual({ status: 'valid', keyId, by, unsigned })
  })

  it('is not valid for other files, nor as another statement', () => {
    const other = manifestOf(files.map((file) => (file.path === 'a/b' ? { ...file, digest: files[1]!.digest } : file)))
    expect(verifySignature(signature, { ...options, manifest: other })).toMatchObject({
      status: 'invalid',
      differences: [{ path: 'a/b', difference: 'changed' }],
    })
    const forged = changed(signature, ({ dsseEnvelope }) => {
      dsseEnvelope.payload = Buffer.from(JSON.stringify(payloadOf(signature))).toString('base64')
    })
    expect(verifySignature(forged, options)).toMatchObject({ status: 'invalid' })
  })

  it('says what we say of the same files', async () => {
    const ignorePaths = unsigned.includes('notes/draft.md') ? ['notes'] : []
    const theirs = payloadOf(signature)
    // Theirs are in no order.
    theirs.predicate.serialization.ignore_paths.sort()
    expect(payloadOf(await signManifest({ manifest, signer: keySigner(key), ignorePaths }))).toEqual(theirs)
  })
})
