import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  certificateSigner,
  keyIdOf,
  keySigner,
  signManifest,
  type TrustedKey,
  type VerifySignatureOptions,
  verifySignature,
} from '../../src/releaser/signature/index.js'
import {
  type CertificatePlan,
  codeSigning,
  extension,
  type MadeCertificate,
  makeCertificate,
  serverAuth,
} from './reference/certificates.js'
import { changed, date, manifestFrom } from './reference/signing.js'

const manifest = manifestFrom({ 'config.json': '{}', 'model.safetensors': 'weights' })
const atMs = date('2025-06-01')
const root = makeCertificate({ subject: 'company', authority: true })
const middle = makeCertificate({ subject: 'team', issuer: root, authority: true })
const leaf = makeCertificate({ subject: 'signer', issuer: middle })

const pems = (certificates: readonly MadeCertificate[]) => certificates.map(({ pem }) => pem).join('')
const sign = ({ privateKeyPem, pem }: MadeCertificate, ...chain: readonly MadeCertificate[]) =>
  signManifest({
    manifest,
    signer: certificateSigner({
      privateKeyPem,
      certificatePem: pem,
      ...(chain.length > 0 && { chainPem: pems(chain) }),
    }),
  })
const verify = (text: string, options: Partial<VerifySignatureOptions> = {}) =>
  verifySignature(text, { manifest, trustedKeys: [], trustedRoots: [root.pem], atMs, ...options })
const listed = ({ pem }: MadeCertificate, more: Partial<TrustedKey> = {}): TrustedKey => ({
  keyId: keyIdOf(pem),
  publicKeyPem: pem,
  certificatePem: pem,
  by: 'Ann',
  validFromMs: date('2025-01-01'),
  ...more,
})
const unknown = { status: 'untrusted', trust: 'unknown' }

describe('a signature with certificates', () => {
  it('is trusted where a root is, and says who signed', async () => {
    const text = await sign(leaf, middle)
    expect(verify(text)).toEqual({ status: 'valid', keyId: keyIdOf(leaf.pem), by: 'CN=signer', unsigned: [] })
    const { certificates } = JSON.parse(text).verificationMaterial.x509CertificateChain
    expect(certificates).toHaveLength(2)
    // The root may be in the chain, the chain in any order, and a list of roots in one text.
    expect(verify(await sign(leaf, root, middle))).toMatchObject({ status: 'valid' })
    const others = pems([makeCertificate({ subject: 'other', authority: true }), root])
    expect(verify(text, { trustedRoots: [others] })).toMatchObject({ status: 'valid' })
  })

  it('is not trusted without a root, by another of the same name, or with a link missing', async () => {
    expect(verify(await sign(leaf, middle, root), { trustedRoots: [] })).toMatchObject(unknown)
    const impostor = makeCertificate({ subject: 'company', authority: true })
    expect(verify(await sign(leaf, middle), { trustedRoots: [impostor.pem] })).toMatchObject(unknown)
    expect(verify(await sign(leaf))).toMatchObject(unknown)
  })

  it('may be by a certificate that is itself the root, or of any issuer with a key of another kind', async () => {
    const own = makeCertificate({ subject: 'own' })
    expect(verify(await sign(own), { trustedRoots: [own.pem] })).toMatchObject({ status: 'valid', by: 'CN=own' })
    const curve = makeCertificate({ subject: 'P-384', issuer: root, curve: 'P-384' })
    expect(verify(await sign(curve))).toMatchObject({ status: 'valid' })
  })

  it.each<[string, CertificatePlan, string]>([
    ['over', { subject: 'x', until: '2025-05-31T00:00:00Z' }, 'expired'],
    ['to come', { subject: 'x', from: '2025-06-02T00:00:00Z' }, 'not-yet-valid'],
    ['not for signing', { subject: 'x', keyUsage: 0x20 }, 'unknown'],
    ['for nothing', { subject: 'x', keyUsage: null }, 'unknown'],
    ['for web servers', { subject: 'x', purposes: [serverAuth] }, 'unknown'],
    [
      'with a critical rule of its own',
      { subject: 'x', extensions: [extension('2a0304', Buffer.alloc(2))] },
      'unknown',
    ],
  ])('is not trusted where the certificate is %s', async (_case, plan, trust) => {
    const text = await sign(makeCertificate({ ...plan, issuer: root }))
    expect(verify(text)).toMatchObject({ status: 'untrusted', trust })
  })

  it.each<[string, CertificatePlan]>([
    ['for code', { subject: 'x', purposes: [codeSigning] }],
    ['for code alone', { subject: 'x', keyUsage: null, purposes: [serverAuth, codeSigning] }],
    ['with a rule that binds nobody', { subject: 'x', extensions: [extension('2a0304', Buffer.alloc(2), false)] }],
  ])('is trusted where the certificate is %s', async (_case, plan) => {
    expect(verify(await sign(makeCertificate({ ...plan, issuer: root })))).toMatchObject({ status: 'valid' })
  })

  it.each<[string, Partial<CertificatePlan>, string]>([
    ['is no authority', { authority: false }, 'unknown'],
    ['may not issue', { keyUsage: 0x80 }, 'unknown'],
    ['is over', { until: '2025-05-31T00:00:00Z' }, 'expired'],
    ['restricts names', { extensions: [extension('551d1e', Buffer.from('3000', 'hex'), false)] }, 'unknown'],
  ])('is not trusted where the issuer %s', async (_case, plan, trust) => {
    const issuer = makeCertificate({ subject: 'issuer', issuer: root, authority: true, ...plan })
    const signer = makeCertificate({ subject: 'signer', issuer })
    expect(verify(await sign(signer, issuer))).toMatchObject({ status: 'untrusted', trust })
  })

  it('is not trusted where a chain is longer than an issuer allows', async () => {
    const short = makeCertificate({ subject: 'short', authority: true, pathLength: 0 })
    const direct = makeCertificate({ subject: 'direct', issuer: short })
    expect(verify(await sign(direct), { trustedRoots: [short.pem] })).toMatchObject({ status: 'valid' })
    const between = makeCertificate({ subject: 'between', issuer: short, authority: true })
    const far = makeCertificate({ subject: 'far', issuer: between })
    expect(verify(await sign(far, between), { trustedRoots: [short.pem] })).toMatchObject(unknown)
  })

  it('ends, where certificates have issued each other', async () => {
    const one = makeCertificate({ subject: 'loop', authority: true })
    const two = makeCertificate({ subject: 'loop', issuer: one, authority: true, key: one.key })
    const signer = makeCertificate({ subject: 'signer', issuer: two })
    expect(verify(await sign(signer, one, two, one, two))).toMatchObject(unknown)
  })

  it('is not one, where another key signed or a certificate was exchanged', async () => {
    const other = makeCertificate({ subject: 'other', issuer: middle })
    const text = await sign(leaf, middle)
    const exchanged = changed(text, (bundle) => {
      const { rawBytes } = JSON.parse(text).verificationMaterial.x509CertificateChain.certificates[1]
      bundle.verificationMaterial.x509CertificateChain.certificates[0].rawBytes = rawBytes
    })
    expect(verify(exchanged)).toMatchObject({ status: 'invalid' })
    expect(() => certificateSigner({ privateKeyPem: leaf.privateKeyPem, certificatePem: other.pem })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
    expect(() => certificateSigner({ privateKeyPem: leaf.privateKeyPem, certificatePem: 'none' })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
    expect(() => verify(text, { trustedRoots: ['none'] })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('may not be by a key that is not of the format', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const { privateKeyPem, pem } = makeCertificate({ subject: 'rsa', issuer: root, key: rsa })
    expect(() => certificateSigner({ privateKeyPem, certificatePem: pem })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
    const text = changed(await sign(leaf), (bundle) => {
      bundle.verificationMaterial.x509CertificateChain.certificates[0].rawBytes = pem.replace(/-----.*-----|\n/g, '')
    })
    expect(verify(text)).toMatchObject({ status: 'invalid' })
  })
})

describe('certificates among the trusted keys', () => {
  const trustedRoots: string[] = []

  it.each([
    ['the signer', leaf, 'Ann'],
    ['an issuer', middle, 'CN=signer'],
    ['the root, which is not in the chain', root, 'CN=signer'],
  ])('%s', async (_case, certificate, by) => {
    const check = verify(await sign(leaf, middle), { trustedRoots, trustedKeys: [listed(certificate)] })
    expect(check).toMatchObject({ status: 'valid', by })
  })

  it("are trusted within the list's dates", async () => {
    const text = await sign(leaf, middle)
    for (const certificate of [leaf, middle, root]) {
      const later = [listed(certificate, { validFromMs: atMs + 1 })]
      expect(verify(text, { trustedRoots, trustedKeys: later })).toMatchObject({ trust: 'not-yet-valid' })
    }
  })

  it('take along what they issued, once they are revoked, whatever else is trusted', async () => {
    const text = await sign(leaf, middle)
    for (const certificate of [leaf, middle, root]) {
      const revoked = listed(certificate, { revokedAtMs: date('2026-01-01') })
      expect(verify(text, { trustedKeys: [revoked] })).toMatchObject({ trust: 'revoked' })
      const { certificatePem: _pem, ...keyAlone } = revoked
      if (certificate !== root) expect(verify(text, { trustedKeys: [keyAlone] })).toMatchObject({ trust: 'revoked' })
    }
  })

  it('hold a signature by their key alone to what the certificate says', async () => {
    const byKey = ({ privateKeyPem }: MadeCertificate) =>
      signManifest({ manifest, signer: keySigner({ privateKeyPem }) })
    const over = makeCertificate({ subject: 'x', until: '2025-05-31T00:00:00Z' })
    const check = (text: string, certificate: MadeCertificate) =>
      verify(text, { trustedRoots, trustedKeys: [listed(certificate)] })
    expect(check(await byKey(leaf), leaf)).toMatchObject({ status: 'valid', by: 'Ann' })
    expect(check(await byKey(over), over)).toMatchObject({ status: 'untrusted', trust: 'expired' })
    expect(check(await byKey(root), root)).toMatchObject(unknown)
  })

  it('a key alone may sign, and not issue', async () => {
    const { certificatePem: _leaf, ...signer } = listed(leaf)
    const { certificatePem: _middle, ...issuer } = listed(middle)
    const text = await sign(leaf, middle)
    expect(verify(text, { trustedRoots, trustedKeys: [signer] })).toMatchObject({ status: 'valid', by: 'Ann' })
    expect(verify(text, { trustedRoots, trustedKeys: [issuer] })).toMatchObject(unknown)
  })
})
