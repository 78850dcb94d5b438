import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isSheikhError, type Json } from '../../src/core/index.js'
import { sealStatement } from '../../src/releaser/signature/envelope.js'
import {
  compareSignedFiles,
  generateSigningKey,
  keyIdOf,
  keySigner,
  type SignManifestOptions,
  signManifest,
  type VerifySignatureOptions,
  verifySignature,
} from '../../src/releaser/signature/index.js'
import { atMs, changed, date, key, type Loose, manifestFrom, payloadOf, signer, trusted } from './reference/signing.js'

const files = { 'a.txt': 'one', 'a/b': 'two', 'a/empty': '', 'weights/😀-модель.bin': 'three', 'weights/ﬀ.bin': 'four' }
const manifest = manifestFrom(files)
const sign = (options: Partial<SignManifestOptions> = {}) => signManifest({ manifest, signer, ...options })
const verify = (text: string, options: Partial<VerifySignatureOptions> = {}) =>
  verifySignature(text, { manifest, trustedKeys: [trusted], atMs, ...options })
const codeOf = (call: () => unknown) => {
  try {
    call()
  } catch (error) {
    return isSheikhError(error) ? error.code : error
  }
  return undefined
}

describe('a model signature', () => {
  it('is verified with the files and the key that it is of', async () => {
    expect(verify(await sign())).toEqual({ status: 'valid', keyId: key.keyId, by: 'Ann', unsigned: [] })
  })

  it('is what the format says it is', async () => {
    const text = await sign({ name: 'spam', ignorePaths: ['notes'] })
    expect(JSON.parse(text)).toMatchObject({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: key.keyId }, tlogEntries: [] },
      dsseEnvelope: { payloadType: 'application/vnd.in-toto+json', signatures: [{ keyid: '' }] },
    })
    const { _type, subject, predicateType, predicate } = payloadOf(text)
    expect([_type, predicateType]).toEqual(['https://in-toto.io/Statement/v1', 'https://model_signing/signature/v1.0'])
    // Segment by segment, and by code point: U+FB00 before U+1F600.
    const names = ['a/b', 'a/empty', 'a.txt', 'weights/ﬀ.bin', 'weights/😀-модель.bin']
    expect(predicate.resources.map(({ name }: { name: string }) => name)).toEqual(names)
    expect(predicate.serialization).toEqual({
      method: 'files',
      hash_type: 'sha256',
      allow_symlinks: false,
      ignore_paths: ['.git', '.gitattributes', '.github', '.gitignore', 'model.sig', 'notes'],
    })
    const root = createHash('sha256')
    for (const name of names)
      root.update(
        createHash('sha256')
          .update(files[name as keyof typeof files])
          .digest(),
      )
    expect(subject).toEqual([{ name: 'spam', digest: { sha256: root.digest('hex') } }])
  })

  it.each([
    ['changed', { ...files, 'a.txt': 'two' }, 'the file "a.txt" is not as it was signed'],
    ['missing', { 'a.txt': 'one' }, 'the file "a/b" is missing (and 3 more)'],
    ['extra', { ...files, 'model.pkl': '' }, 'the file "model.pkl" was not signed'],
    ['an empty one filled', { ...files, 'a/empty': ' ' }, 'the file "a/empty" is not as it was signed'],
  ])('names the file that differs: %s', async (_case, other, reason) => {
    expect(verify(await sign(), { manifest: manifestFrom(other) })).toMatchObject({ status: 'invalid', reason })
  })

  it("leaves itself and Git's files out, and says which it need not name", async () => {
    const more = { ...files, 'model.sig': 'x', '.gitattributes': 'y', '.git/config': 'z' }
    const text = await sign({ manifest: manifestFrom(more) })
    expect(payloadOf(text).predicate.resources).toHaveLength(5)
    expect(verify(text, { manifest: manifestFrom(more) })).toMatchObject({
      status: 'valid',
      unsigned: ['.git/config', '.gitattributes', 'model.sig'],
    })
    expect(verify(text, { manifest: manifestFrom({ ...files, 'sub/model.sig': '' }) })).toMatchObject({
      reason: 'the file "sub/model.sig" was not signed',
    })
  })

  it('ignores the paths that were ignored when it was signed, or are by the reader, and whole names only', async () => {
    const more = { ...files, 'docs/card.md': 'x' }
    const signed = await sign({ manifest: manifestFrom(more), ignorePaths: ['docs'] })
    const other = manifestFrom({ ...files, 'docs/card.md': 'changed', 'docs/new': '' })
    expect(verify(signed, { manifest: other })).toMatchObject({
      status: 'valid',
      unsigned: ['docs/card.md', 'docs/new'],
    })
    expect(verify(signed, { manifest: manifestFrom({ ...files, docs2: '' }) })).toMatchObject({ status: 'invalid' })
    expect(verify(await sign(), { manifest: other })).toMatchObject({ status: 'invalid' })
    expect(verify(await sign(), { manifest: other, ignorePaths: ['docs'] })).toMatchObject({ status: 'valid' })
  })

  it('of a file that the reader ignores is compared all the same', async () => {
    const other = manifestFrom({ ...files, 'a.txt': 'two' })
    expect(verify(await sign(), { manifest: other, ignorePaths: ['a.txt'] })).toMatchObject({ status: 'invalid' })
  })

  it('is not made of nothing, nor with a path that climbs', async () => {
    await expect(sign({ ignorePaths: ['a', 'a.txt', 'weights'] })).rejects.toMatchObject({ code: 'invalid-options' })
    for (const path of ['../x', '/x', '', '.', 'a/', 'a\\b'])
      await expect(sign({ ignorePaths: [path] })).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it.each(['P-384', 'P-521'])('by a key of %s', async (namedCurve) => {
    const { generateKeyPairSync } = await import('node:crypto')
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    const other = keySigner({ privateKeyPem: privateKey.export({ type: 'sec1', format: 'pem' }).toString() })
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const trustedKeys = [{ ...trusted, keyId: other.keyId, publicKeyPem }]
    expect(verify(await sign({ signer: other }), { trustedKeys })).toMatchObject({ status: 'valid' })
  })

  it('by an encrypted key, which only its passphrase opens', async () => {
    const { privateKeyPem, keyId, publicKeyPem } = generateSigningKey({ passphrase: 'correct horse' })
    expect(privateKeyPem).toContain('ENCRYPTED')
    const encrypted = keySigner({ privateKeyPem, passphrase: 'correct horse' })
    expect(encrypted.keyId).toBe(keyId)
    const trustedKeys = [{ ...trusted, keyId, publicKeyPem }]
    expect(verify(await sign({ signer: encrypted }), { trustedKeys })).toMatchObject({ status: 'valid', keyId })
    expect(codeOf(() => keySigner({ privateKeyPem }))).toBe('invalid-options')
    expect(codeOf(() => keySigner({ privateKeyPem, passphrase: 'wrong' }))).toBe('invalid-options')
  })

  it('by no other kind of key', async () => {
    const { generateKeyPairSync } = await import('node:crypto')
    const pems = [
      generateKeyPairSync('ed25519').privateKey,
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
    ].map((one) => one.export({ type: 'pkcs8', format: 'pem' }).toString())
    for (const privateKeyPem of [...pems, 'no key', key.publicKeyPem])
      expect(codeOf(() => keySigner({ privateKeyPem }))).toBe('invalid-options')
    expect(codeOf(() => keyIdOf(key.privateKeyPem))).toBe('invalid-options')
    expect(codeOf(() => keyIdOf('no key'))).toBe('invalid-options')
  })

  it("by a host's own signer, whose key never leaves its service", async () => {
    const service = { sign: (bytes: Uint8Array) => signer.sign(bytes) }
    const own = {
      keyId: key.keyId,
      sign: async (bytes: Uint8Array) => ({
        signature: (await service.sign(bytes)).signature,
        verificationMaterial: { publicKey: { hint: key.keyId }, tlogEntries: [] },
      }),
    }
    expect(verify(await sign({ signer: own }))).toMatchObject({ status: 'valid' })
  })
})

describe('who signed', () => {
  const other = generateSigningKey()

  it('is not trusted where the key is not listed', async () => {
    const check = verify(await sign({ signer: keySigner(other) }))
    expect(check).toMatchObject({ status: 'untrusted', trust: 'unknown', keyId: other.keyId })
  })

  it('is not who the signature says, where another key made it', async () => {
    const text = changed(await sign({ signer: keySigner(other) }), (bundle) => {
      bundle.verificationMaterial.publicKey.hint = key.keyId
    })
    expect(verify(text)).toMatchObject({ status: 'invalid', reason: expect.stringContaining('not that of the key') })
  })

  it.each([
    ['too early', { validFromMs: date('2025-07-01') }, 'not-yet-valid'],
    ['too late', { validUntilMs: atMs }, 'expired'],
    ['revoked later', { revokedAtMs: date('2026-05-01') }, 'revoked'],
  ])('is not trusted at that time: %s', async (_case, more, trust) => {
    const revocationReason = 'laptop stolen'
    const check = verify(await sign(), { trustedKeys: [{ ...trusted, ...more, revocationReason }] })
    expect(check).toMatchObject({ status: 'untrusted', trust, keyId: key.keyId })
    if (trust === 'revoked') expect(check).toMatchObject({ reason: expect.stringContaining('laptop stolen') })
  })

  it('is found among the keys where an older file does not name one', async () => {
    const old = changed(await sign(), (bundle) => {
      bundle.verificationMaterial.publicKey = {}
    })
    expect(verify(old)).toMatchObject({ status: 'valid', keyId: key.keyId })
    expect(verify(old, { trustedKeys: [] })).toMatchObject({ status: 'untrusted', trust: 'unknown' })
  })

  it('is for Sigstore to say where there is no key; the files can be compared', async () => {
    const keyless = changed(await sign(), (bundle) => {
      bundle.verificationMaterial = { certificate: { rawBytes: 'AA==' }, tlogEntries: [{}] }
    })
    expect(verify(keyless)).toMatchObject({ status: 'untrusted', reason: expect.stringContaining('no root is given') })
    expect(compareSignedFiles(keyless, { manifest })).toEqual({ status: 'same', unsigned: [] })
    const fewer = manifestFrom({ 'a.txt': 'one' })
    expect(compareSignedFiles(keyless, { manifest: fewer })).toMatchObject({ status: 'invalid' })
    expect(compareSignedFiles('', { manifest })).toMatchObject({ status: 'invalid' })
  })
})

describe('signed by a trusted key, a statement still has to be one', () => {
  const good = async () => payloadOf(await sign())
  const hex = createHash('sha256').update('x').digest('hex')

  it.each<[string, string, (statement: Loose) => void]>([
    ['type', 'type', (statement) => (statement._type = 'https://in-toto.io/Statement/v0.1')],
    [
      'predicate type',
      'no model signature',
      (statement) => (statement.predicateType = 'https://slsa.dev/provenance/v1'),
    ],
    ['shards', 'whole files', (statement) => (statement.predicate.serialization.method = 'shards')],
    ['hash', 'whole files', (statement) => (statement.predicate.serialization.hash_type = 'blake3')],
    ['no file', 'not that of the files', (statement) => (statement.predicate.resources = [])],
    ['no list', 'does not list files', (statement) => (statement.predicate.resources = {})],
    ['two subjects', 'not that of the files', (statement) => statement.subject.push(statement.subject[0])],
    ['no subject', 'about', (statement) => (statement.subject = [])],
    ['root', 'not that of the files', (statement) => (statement.subject[0].digest.sha256 = hex)],
    ['order', 'not that of the files', (statement) => statement.predicate.resources.reverse()],
    ['digest', 'no SHA-256', (statement) => (statement.predicate.resources[0].digest = 'abc')],
    ['algorithm', 'no SHA-256', (statement) => (statement.predicate.resources[0].algorithm = 'blake2b')],
    ['climbing', 'plain path', (statement) => (statement.predicate.resources[0].name = '../../etc/passwd')],
    ['twice', 'twice', (statement) => (statement.predicate.resources[1].name = 'a/b')],
    ['null', 'plain path', (statement) => (statement.predicate.resources[1] = null)],
    ['ignored', 'list of texts', (statement) => (statement.predicate.serialization.ignore_paths = [1])],
    ['predicate', 'says nothing', (statement) => (statement.predicate = 'x')],
  ])('%s', async (_case, reason, change) => {
    const statement = await good()
    change(statement)
    const check = verify(await sealStatement(statement as Json, signer))
    expect(check).toMatchObject({ status: 'invalid', reason: expect.stringContaining(reason) })
  })

  it('ignoring everything hides nothing', async () => {
    const statement = await good()
    statement.predicate.serialization.ignore_paths = ['.', '', '/', '..', 'a']
    const text = await sealStatement(statement as Json, signer)
    expect(verify(text)).toMatchObject({ status: 'valid', unsigned: [] })
    const other = manifestFrom({ ...files, 'a/b': 'changed', 'model.pkl': '' })
    expect(verify(text, { manifest: other })).toMatchObject({
      differences: [
        { path: 'a/b', difference: 'changed' },
        { path: 'model.pkl', difference: 'extra' },
      ],
    })
  })
})

describe('a model that Python signed', () => {
  const digestOf = (content: string) => createHash('sha256').update(content).digest()
  const signed = async (change: (statement: Loose) => void) => {
    const statement = payloadOf(await signManifest({ manifest: manifestFrom({ only: 'weights' }), signer }))
    change(statement)
    return sealStatement(statement as Json, signer)
  }

  it('as a single file, which it names ".", is the only file of a folder', async () => {
    const text = await signed((statement) => (statement.predicate.resources[0].name = '.'))
    const check = (folder: Readonly<Record<string, string>>) => verify(text, { manifest: manifestFrom(folder) })
    expect(check({ 'model.safetensors': 'weights', 'model.sig': text, '.gitattributes': '*' })).toMatchObject({
      status: 'valid',
      unsigned: ['.gitattributes', 'model.sig'],
    })
    expect(check({ 'model.safetensors': 'others' })).toMatchObject({
      status: 'invalid',
      differences: [{ path: 'model.safetensors', difference: 'changed' }],
    })
    expect(check({ 'model.safetensors': 'weights', extra: '' })).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('the folder has 2 files'),
    })
    expect(check({ 'model.sig': text })).toMatchObject({ reason: expect.stringContaining('the folder has 0 files') })
  })

  it('under the name "." beside others is refused', async () => {
    const text = await signed(({ subject, predicate }) => {
      predicate.resources = ['.', 'b'].map((name) => ({ ...predicate.resources[0], name }))
      const root = createHash('sha256').update(digestOf('weights')).update(digestOf('weights'))
      subject[0].digest.sha256 = root.digest('hex')
    })
    expect(verify(text)).toMatchObject({ status: 'invalid', reason: expect.stringContaining('not a plain path') })
  })

  it('as a folder without a file is a folder without a file', async () => {
    const text = await signed(({ subject, predicate }) => {
      predicate.resources = []
      subject[0].digest.sha256 = digestOf('').toString('hex')
    })
    expect(verify(text, { manifest: manifestFrom({ 'model.sig': text }) })).toMatchObject({ status: 'valid' })
    expect(verify(text, { manifest: manifestFrom({ extra: '' }) })).toMatchObject({
      differences: [{ path: 'extra', difference: 'extra' }],
    })
  })

  it.each(['Digest', 'Digests', 'DigestOfDigests', 'DigestOfShardDigests'])(
    'by version 0.2 is refused for what it is (%s)',
    async (kind) => {
      const text = await signed((statement) => (statement.predicateType = `https://model_signing/${kind}/v0.1`))
      expect(verify(text)).toMatchObject({ status: 'invalid', reason: expect.stringContaining('model-signing 0.2') })
    },
  )
})
