import { describe, expect, it } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import {
  certificateSigner,
  keySigner,
  parseTrustedKeys,
  releasesTouched,
  signManifest,
  trustAt,
} from '../../src/releaser/signature/index.js'
import { makeCertificate } from './reference/certificates.js'
import { changed, date, key, type Loose, manifestFrom, signer, trusted } from './reference/signing.js'

const where = 'mlops/keys/trusted.json'
const entry = {
  keyId: key.keyId,
  publicKeyPem: key.publicKeyPem,
  by: 'Ann',
  validFrom: '2025-01-01T00:00:00Z',
  validUntil: '2026-01-01T00:00:00Z',
}
const text = (...keys: readonly unknown[]) => JSON.stringify({ formatVersion: 1, keys })
const problem = (content: string) => {
  try {
    parseTrustedKeys(content, where)
  } catch (error) {
    if (isSheikhError(error, 'invalid-config')) return { place: error.facts['place'], message: error.message }
    throw error
  }
  return undefined
}

describe('the file of trusted keys', () => {
  it('holds keys with the dates between which they are trusted', () => {
    expect(parseTrustedKeys(text(entry), where)).toEqual([trusted])
    expect(parseTrustedKeys(text(), where)).toEqual([])
    const revokedAt = '2025-02-01T12:00:00Z'
    expect(parseTrustedKeys(text({ ...entry, revokedAt, revocationReason: 'lost' }), where)[0]).toMatchObject({
      revokedAtMs: Date.parse(revokedAt),
      revocationReason: 'lost',
    })
  })

  it('holds certificates, whose key has the same name', () => {
    const { pem, privateKeyPem } = makeCertificate({ subject: 'company', authority: true })
    const { publicKeyPem: _, ...rest } = entry
    const { keyId } = keySigner({ privateKeyPem })
    expect(parseTrustedKeys(text({ ...rest, keyId, certificatePem: pem }), where)).toMatchObject([
      { keyId, certificatePem: pem, publicKeyPem: expect.stringContaining('BEGIN PUBLIC KEY') },
    ])
  })

  const { pem } = makeCertificate({ subject: 'company' })
  const { validFrom: _from, ...noDate } = entry
  const { publicKeyPem: _pem, ...noKey } = entry

  it.each<[string, unknown, string]>([
    ['a name that is misspelt', { ...entry, revokedat: '2025-02-01T00:00:00Z' }, 'keys[0].revokedat'],
    ['another key', { ...entry, keyId: 'a'.repeat(64) }, 'keys[0].keyId'],
    ['a private key', { ...entry, publicKeyPem: key.privateKeyPem }, 'keys[0].publicKeyPem'],
    ['no PEM', { ...entry, publicKeyPem: 'x' }, 'keys[0].publicKeyPem'],
    ['no certificate', { ...noKey, certificatePem: 'x' }, 'keys[0].certificatePem'],
    ['two certificates', { ...noKey, certificatePem: pem + pem }, 'keys[0].certificatePem'],
    ['both', { ...entry, certificatePem: pem }, 'keys[0]'],
    ['neither', noKey, 'keys[0]'],
    ['no date', noDate, 'keys[0].validFrom'],
    ['a day without a time', { ...entry, validFrom: '2025-01-01' }, 'keys[0].validFrom'],
    ['a day that is none', { ...entry, validFrom: '2025-02-30T00:00:00Z' }, 'keys[0].validFrom'],
    ['another time zone', { ...entry, validFrom: '2025-01-01T00:00:00+01:00' }, 'keys[0].validFrom'],
    ['a number', { ...entry, validUntil: 1 }, 'keys[0].validUntil'],
    ['an end before the start', { ...entry, validUntil: entry.validFrom }, 'keys[0].validUntil'],
    ['a reason without a date', { ...entry, revocationReason: 'lost' }, 'keys[0].revokedAt'],
    ['nobody', { ...entry, by: ' ' }, 'keys[0].by'],
    ['no object', null, 'keys[0]'],
  ])('names the place of %s', (_case, value, place) => {
    const found = problem(text(value))
    expect(found).toMatchObject({ place })
    expect(found!.message).toContain(where)
    expect(found!.message).not.toContain(key.privateKeyPem.split('\n')[1])
  })

  it('is whole, or an error', () => {
    expect(problem(text(entry, entry))).toMatchObject({ place: 'keys[1].keyId' })
    expect(problem('{')).toMatchObject({ place: '' })
    expect(problem('[]')).toMatchObject({ place: '' })
    expect(problem('{"formatVersion":2,"keys":[]}')).toMatchObject({ place: 'formatVersion' })
    expect(problem('{"formatVersion":1,"keys":{}}')).toMatchObject({ place: 'keys' })
    expect(problem('{"formatVersion":1,"keys":[],"key":[]}')).toMatchObject({ place: 'key' })
  })
})

it('trust begins and ends at its dates, and a revoked key never had it', () => {
  const at = (text: string, more = {}) => trustAt([{ ...trusted, ...more }], key.keyId, date(text))
  expect(at('2024-12-31')).toBe('not-yet-valid')
  expect(at('2025-01-01')).toBe('trusted')
  expect(at('2025-12-31')).toBe('trusted')
  expect(at('2026-01-01')).toBe('expired')
  expect(at('2036-01-01', { validUntilMs: undefined })).toBe('trusted')
  for (const day of ['2024-12-31', '2025-06-01', '2026-01-01'])
    expect(at(day, { revokedAtMs: date('2030-01-01') })).toBe('revoked')
  expect(trustAt([trusted], 'other', date('2025-06-01'))).toBe('unknown')
  expect(trustAt([trusted], key.keyId, Number.NaN)).not.toBe('trusted')
})

it('a revoked key names the releases that it touches', async () => {
  const manifest = manifestFrom({ 'model.safetensors': 'weights' })
  const root = makeCertificate({ subject: 'company', authority: true })
  const leaf = makeCertificate({ subject: 'signer', issuer: root })
  const byKey = await signManifest({ manifest, signer })
  const certified = certificateSigner({ privateKeyPem: leaf.privateKeyPem, certificatePem: leaf.pem })
  const signatures = [
    { version: '1.0.0', signature: byKey },
    { version: '1.1.0', signature: await signManifest({ manifest, signer: certified }) },
    {
      version: '1.2.0',
      signature: changed(byKey, (bundle: Loose) => {
        delete bundle.verificationMaterial.publicKey.hint
      }),
    },
    { version: '1.3.0', signature: 'not one' },
  ]
  const authority = {
    ...trusted,
    keyId: keySigner(root).keyId,
    publicKeyPem: root.pem,
    certificatePem: root.pem,
    by: 'company',
  }
  expect(releasesTouched([trusted, authority], signatures)).toEqual([])
  const revoked = { revokedAtMs: date('2025-08-01'), revocationReason: 'laptop stolen' }
  const touch = { keyId: key.keyId, by: 'Ann', revokedAtMs: revoked.revokedAtMs, reason: 'laptop stolen' }
  expect(releasesTouched([{ ...trusted, ...revoked }, authority], signatures)).toEqual([
    { ...touch, version: '1.0.0' },
    { ...touch, version: '1.2.0' },
  ])
  expect(releasesTouched([trusted, { ...authority, revokedAtMs: 1 }], signatures)).toEqual([
    { version: '1.1.0', keyId: authority.keyId, by: 'company', revokedAtMs: 1 },
  ])
})
