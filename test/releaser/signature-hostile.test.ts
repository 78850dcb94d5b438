import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { sealStatement } from '../../src/releaser/signature/envelope.js'
import {
  certificateSigner,
  compareSignedFiles,
  releasesTouched,
  type SignatureCheck,
  signManifest,
  verifySignature,
  verifyStatement,
} from '../../src/releaser/signature/index.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'
import { makeCertificate } from './reference/certificates.js'
import { atMs, changed, manifestFrom, payloadOf, signer, trusted } from './reference/signing.js'

const manifest = manifestFrom({ 'config.json': '{}', 'a/ü😀.bin': 'weights', empty: '' })
const root = makeCertificate({ subject: 'company', authority: true })
const middle = makeCertificate({ subject: 'team', issuer: root, authority: true, pathLength: 0 })
const leaf = makeCertificate({ subject: 'signer', issuer: middle, purposes: ['2b06010505070303'] })
const trust = { trustedKeys: [trusted, { ...trusted, keyId: 'x', revokedAtMs: 1 }], trustedRoots: [root.pem], atMs }
const texts: string[] = []
beforeAll(async () => {
  const certified = certificateSigner({
    privateKeyPem: leaf.privateKeyPem,
    certificatePem: leaf.pem,
    chainPem: middle.pem,
  })
  texts.push(await signManifest({ manifest, signer }), await signManifest({ manifest, signer: certified }))
})

/** Everything that reads such a text. None may throw. */
function judge(text: string): SignatureCheck {
  const statement = verifyStatement(text, trust)
  expect(['valid', 'invalid', 'untrusted']).toContain(statement.status)
  expect(['same', 'invalid']).toContain(compareSignedFiles(text, { manifest }).status)
  releasesTouched(trust.trustedKeys, [{ version: '1.0.0', signature: text }])
  return verifySignature(text, { ...trust, manifest })
}

/** Valid only where what was signed, and by whom, is the same. */
function expectHonest(text: string, original: string): void {
  if (judge(text).status !== 'valid') return
  expect(payloadOf(text)).toEqual(payloadOf(original))
}

const which = fc.constantFrom(0, 1)

/** Every place in a JSON value: the path of names to it. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, name]))]
}

describe('whatever a signature holds, it is judged and nothing is thrown', () => {
  it('is a sound case', () => {
    for (const text of texts) expect(judge(text)).toMatchObject({ status: 'valid' })
  })

  it('any text', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(judge(text).status).toBe('invalid')
      }),
    )
  })

  it('any JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(judge(text).status).toBe('invalid')
      }),
    )
  })

  it('characters changed, added or gone', () => {
    const edit = fc.tuple(fc.nat(), fc.nat(3), anyText({ maxLength: 3 }))
    fc.assert(
      fc.property(which, fc.array(edit, { minLength: 1, maxLength: 4 }), (index, edits) => {
        let text = texts[index]!
        for (const [at, gone, added] of edits) {
          const start = at % text.length
          text = text.slice(0, start) + added + text.slice(start + gone)
        }
        expectHonest(text, texts[index]!)
      }),
      { numRuns: rounds(500) },
    )
  })

  it('a member replaced by any value, gone or doubled', () => {
    fc.assert(
      fc.property(which, fc.nat(), fc.option(fc.jsonValue(), { nil: undefined }), (index, at, value) => {
        const original = texts[index]!
        const text = changed(original, (bundle) => {
          const places = placesOf(bundle).slice(1)
          const path = [...places[at % places.length]!]
          const last = path.pop()!
          let parent = bundle
          for (const name of path) parent = parent[name]
          if (Array.isArray(parent) && at % 2 === 0) parent.push(parent[Number(last)])
          else parent[last] = value
        })
        expectHonest(text, original)
      }),
      { numRuns: rounds(500) },
    )
  })

  it('bytes of a certificate changed', () => {
    fc.assert(
      fc.property(fc.nat(1), fc.nat(), fc.nat(255), (which, at, byte) => {
        const text = changed(texts[1]!, ({ verificationMaterial: { x509CertificateChain } }) => {
          const certificate = x509CertificateChain.certificates[which]
          const raw = Buffer.from(certificate.rawBytes, 'base64')
          raw[at % raw.length] = byte
          certificate.rawBytes = raw.toString('base64')
        })
        expect(judge(text).status === 'valid').toBe(text === texts[1])
      }),
      { numRuns: rounds(400) },
    )
  })

  it('members of the statement, of a signer who is trusted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.jsonValue(), async (at, value) => {
        const statement = payloadOf(texts[0]!)
        const places = placesOf(statement).slice(1)
        const path = [...places[at % places.length]!]
        const last = path.pop()!
        let parent = statement
        for (const name of path) parent = parent[name]
        parent[last] = value
        const check = judge(await sealStatement(statement, signer))
        // The model's name proves nothing, nor do links and what is ignored: all files are there.
        const free = ['0.name', 'allow_symlinks', 'ignore_paths']
        if (check.status === 'valid')
          expect(free.some((name) => [...path, last].join('.').includes(name)) || value === payloadAt(path, last)).toBe(
            true,
          )
      }),
      { numRuns: rounds(300) },
    )
  })

  it('huge, deep and named like what every object has', () => {
    const bundle = texts[0]!
    const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
    expect(judge(`{"a":${deep}}`)).toMatchObject({ reason: expect.stringContaining('nested') })
    expect(judge(`{"a":"${'x'.repeat(33 << 20)}"}`)).toMatchObject({ reason: expect.stringContaining('more than') })
    expect(judge('{"__proto__":{"mediaType":1},"constructor":[]}')).toMatchObject({ status: 'invalid' })
    const long = changed(bundle, ({ verificationMaterial }) => {
      verificationMaterial.publicKey.hint = 'a'.repeat(100_000)
    })
    expect(JSON.stringify(judge(long)).length).toBeLessThan(1000)
    const many = changed(texts[1]!, ({ verificationMaterial: { x509CertificateChain: chain } }) => {
      chain.certificates = Array.from({ length: 1000 }, () => chain.certificates[0])
    })
    expect(judge(many)).toMatchObject({ status: 'invalid' })
    const signedTwice = changed(bundle, ({ dsseEnvelope }) => {
      dsseEnvelope.signatures.push(dsseEnvelope.signatures[0])
    })
    expect(judge(signedTwice)).toMatchObject({ status: 'invalid' })
    const spaced = changed(bundle, ({ dsseEnvelope }) => {
      dsseEnvelope.payload = `${dsseEnvelope.payload}\n`
    })
    expect(judge(spaced)).toMatchObject({ status: 'invalid' })
  })

  it('a member that stands there twice: the last one counts, and is what was signed or is refused', () => {
    const doubled = texts[0]!.replace('"payload":"', '"payload":"AAAA","payload":"')
    expect(judge(doubled)).toMatchObject({ status: 'valid' })
    expect(judge(texts[0]!.replace(/("payload":"[^"]*")/, '$1,"payload":"AAAA"'))).toMatchObject({ status: 'invalid' })
  })
})

function payloadAt(path: readonly string[], last: string): unknown {
  let parent = payloadOf(texts[0]!)
  for (const name of path) parent = parent[name]
  return parent[last]
}
