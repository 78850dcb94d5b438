import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  keySigner,
  parseTrustedIdentities,
  provenanceType,
  releasesTouched,
  type SigstoreTrust,
  signManifest,
  signStatement,
  sigstoreSigner,
  sigstoreTrust,
  type TrustedIdentity,
  verifySignature,
  verifyStatement,
} from '../../src/releaser/signature/index.js'
import { changed, date, key, manifestFrom } from './reference/signing.js'
import { identityToken, issuer, type Sigstore, startSigstore, subject } from './reference/sigstore.js'

const manifest = manifestFrom({ 'config.json': '{}', 'model.safetensors': 'weights' })
const atMs = date('2025-06-01')
const name = `${subject} (${issuer})`
const workflow: TrustedIdentity = { issuer, subject, by: 'the release workflow', validFromMs: date('2025-01-01') }

let sigstore: Sigstore
let other: Sigstore
let text: string
beforeAll(async () => {
  ;[sigstore, other] = [await startSigstore(), await startSigstore()]
  text = await sign()
})
afterAll(() => Promise.all([sigstore?.stop(), other?.stop()]))

const sign = (token = identityToken()) =>
  signManifest({ manifest, signer: sigstoreSigner({ identityToken: token, signingConfig: sigstore.signingConfig }) })
const trusting = (
  identities: readonly TrustedIdentity[] = [workflow],
  { trustedRoot }: Sigstore = sigstore,
): Promise<SigstoreTrust> => sigstoreTrust({ identities, trustedRoot })
const verify = async (signature: string, trust = trusting(), given = manifest) =>
  verifySignature(signature, { manifest: given, trustedKeys: [], sigstore: await trust, atMs })

describe('a signature without a key', () => {
  it('is made by authority and log, and holds for the identity that is trusted', async () => {
    expect(sigstore.requests).toEqual(['/api/v2/signingCert', '/api/v1/log/entries', '/api/v1/timestamp'])
    expect(await verify(text)).toEqual({ status: 'valid', keyId: name, by: 'the release workflow', unsigned: [] })
    expect(JSON.parse(text)).toMatchObject({ verificationMaterial: { certificate: {}, tlogEntries: [{}] } })
  })

  it('of a statement holds as well', async () => {
    const statement = {
      _type: 'https://in-toto.io/Statement/v1' as const,
      subject: [{ name: 'config.json', digest: { sha256: 'a'.repeat(64) } }],
      predicateType: provenanceType,
      predicate: {},
    }
    const { signingConfig } = sigstore
    const signed = await signStatement(statement, sigstoreSigner({ identityToken: identityToken(), signingConfig }))
    const check = verifyStatement(signed, { trustedKeys: [], sigstore: await trusting(), atMs })
    expect(check).toMatchObject({
      status: 'valid',
      by: 'the release workflow',
      statement: { predicateType: provenanceType },
    })
  })

  it('is not believed of another identity, by another root, or without one', async () => {
    const unknown = { status: 'untrusted', trust: 'unknown' }
    expect(await verify(text, trusting([]))).toMatchObject({ ...unknown, keyId: name })
    // Not a prefix, not another case, not another provider's word.
    for (const wrong of [{ subject: subject.slice(0, -1) }, { subject: '.*' }, { issuer: 'https://other.example.com' }])
      expect(await verify(text, trusting([{ ...workflow, ...wrong }]))).toMatchObject(unknown)
    // Both are called "https://a (https://b (https://c)".
    const another = await sign(identityToken({ sub: 'https://a (https://b', iss: 'https://c' }))
    const alike = { ...workflow, subject: 'https://a', issuer: 'https://b (https://c' }
    expect(await verify(another, trusting([alike]))).toMatchObject(unknown)
    expect(await verify(text, trusting([workflow], other))).toMatchObject(unknown)
    expect(verifySignature(text, { manifest, trustedKeys: [], atMs })).toMatchObject(unknown)
  })

  it('is not believed outside the dates of the identity, and revoked it is named', async () => {
    const dated = (more: Partial<TrustedIdentity>) => trusting([{ ...workflow, ...more }])
    expect(await verify(text, dated({ validFromMs: date('2025-07-01') }))).toMatchObject({ trust: 'not-yet-valid' })
    expect(await verify(text, dated({ validUntilMs: date('2025-05-01') }))).toMatchObject({ trust: 'expired' })
    const revoked = dated({ revokedAtMs: date('2026-01-01'), revocationReason: 'the repository was taken over' })
    expect(await verify(text, revoked)).toMatchObject({
      trust: 'revoked',
      reason: expect.stringContaining('the repository was taken over'),
    })
    const signatures = [
      { version: '1.0.0', signature: text },
      { version: '1.1.0', signature: await sign(identityToken({ sub: 'ann@example.com' })) },
      { version: '1.2.0', signature: await signManifest({ manifest, signer: keySigner(key) }) },
    ]
    expect(releasesTouched([], signatures, await revoked)).toEqual([
      expect.objectContaining({ version: '1.0.0', keyId: name, by: 'the release workflow' }),
    ])
  })

  it('is invalid for other files, or changed anywhere', async () => {
    const others = manifestFrom({ 'config.json': '{}', 'model.safetensors': 'other' })
    expect(await verify(text, trusting(), others)).toMatchObject({ status: 'invalid', differences: [{}] })
    const other64 = Buffer.from('{"_type":"x"}').toString('base64')
    const foreign = JSON.parse(await sign()).verificationMaterial
    for (const change of [
      (bundle: never) => Object.assign((bundle as Bundle).dsseEnvelope, { payload: other64 }),
      (bundle: never) => Object.assign((bundle as Bundle).verificationMaterial, { tlogEntries: [] }),
      (bundle: never) =>
        Object.assign((bundle as Bundle).verificationMaterial.tlogEntries[0]!, { integratedTime: '1' }),
      (bundle: never) => Object.assign((bundle as Bundle).verificationMaterial, { certificate: foreign.certificate }),
      (bundle: never) => Object.assign((bundle as Bundle).verificationMaterial, { tlogEntries: foreign.tlogEntries }),
      (bundle: never) => Object.assign((bundle as Bundle).verificationMaterial, { certificate: { rawBytes: 'AAAA' } }),
      (bundle: never) => Object.assign((bundle as Bundle).verificationMaterial, { certificate: null }),
    ])
      expect((await verify(changed(text, change as never))).status).not.toBe('valid')
  })
})

interface Bundle {
  readonly dsseEnvelope: object
  readonly verificationMaterial: { readonly tlogEntries: readonly object[] }
}

describe('signing without a key', () => {
  it('says what is missing, and never the token', async () => {
    await expect(sign('secret-and-no-token')).rejects.toMatchObject({
      code: 'access-denied',
      message: expect.not.stringContaining('secret'),
      facts: { reason: expect.not.stringContaining('secret') },
    })
    const wrong = signManifest({ manifest, signer: sigstoreSigner({ signingConfig: '{"caUrls": 1' }) })
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('fails where it is refused', async () => {
    const refusing = await startSigstore()
    try {
      refusing.refuse('/api/v2/signingCert', 403)
      const { signingConfig } = refusing
      const signing = signManifest({
        manifest,
        signer: sigstoreSigner({ identityToken: identityToken(), signingConfig }),
      })
      await expect(signing).rejects.toMatchObject({ code: 'access-denied', facts: { status: 403 } })
      // Nothing is logged of what was not certified.
      expect(refusing.requests).not.toContain('/api/v1/log/entries')
    } finally {
      await refusing.stop()
    }
  })

  it('does not take a bundle that is of something else', async () => {
    const signer = { seal: async () => JSON.parse(text) }
    const signing = signManifest({ manifest: manifestFrom({ 'other.json': '{}' }), signer })
    await expect(signing).rejects.toMatchObject({ code: 'remote-failed' })
  })
})

describe('the list of identities', () => {
  const entry = { issuer, subject, by: 'Ann', validFrom: '2025-01-01T00:00:00Z' }
  const list = (...identities: readonly object[]) => JSON.stringify({ formatVersion: 1, keys: [], identities })

  it('is read, and may be missing', () => {
    expect(parseTrustedIdentities(list(entry), 'f')).toEqual([{ ...workflow, by: 'Ann' }])
    expect(parseTrustedIdentities('{"formatVersion":1,"keys":[]}', 'f')).toEqual([])
  })

  it.each([
    ['identities[0].subject', { ...entry, subject: undefined }],
    ['identities[0].issuer', { ...entry, issuer: ' ' }],
    ['identities[0].revoked', { ...entry, revoked: true }],
    ['identities[0].validFrom', { ...entry, validFrom: 'yesterday' }],
  ])('an error is at its place: %s', (place, wrong) => {
    expect(() => parseTrustedIdentities(list(wrong), 'f')).toThrow(
      expect.objectContaining({ code: 'invalid-config', facts: { file: 'f', place } }),
    )
  })

  it('names nobody twice', () => {
    expect(() => parseTrustedIdentities(list(entry, { ...entry, by: 'Bob' }), 'f')).toThrow('twice')
  })

  it('a root that is none is refused', async () => {
    await expect(sigstoreTrust({ identities: [], trustedRoot: '[' })).rejects.toMatchObject({ code: 'invalid-options' })
  })
})
