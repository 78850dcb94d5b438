import { describe, expect, it } from 'vitest'
import { canonicalJson, digestJson, digestManifest, hexOf } from '../../src/core/index.js'
import type { Verdict } from '../../src/gate/index.js'
import type { PendingRelease } from '../../src/releaser/index.js'
import {
  buildType,
  generateSigningKey,
  keySigner,
  provenanceOf,
  provenanceType,
  signManifest,
  signStatement,
  verifyStatement,
} from '../../src/releaser/signature/index.js'
import type { CandidateRecord } from '../../src/trainer/index.js'
import { atMs, changed, date, manifestFrom, payloadOf, signer, trusted } from './reference/signing.js'

const manifest = manifestFrom({ 'config.json': '{}', 'model.safetensors': 'weights' })
const commit = '0123456789abcdef0123456789abcdef01234567'
const digest = digestJson('rows')
const verdict: Verdict = { status: 'pass', findings: [], summary: 'fine', whenInconclusive: 'ask' }
const candidate: CandidateRecord = {
  trainer: { name: 'tfjs', version: '1', describe: { epochs: 3 } },
  seed: 7,
  trainingDigest: digest,
  environment: { packages: { '@tensorflow/tfjs': '4.22.0' }, device: { node: 20 } },
  lossCurve: [[1, 0.5]],
}
const pending: PendingRelease = {
  formatVersion: 1,
  version: '1.2.0',
  bundle: digestManifest(manifest),
  manifest,
  postPublish: { channel: 'latest', withdraws: [], sourceKey: digest },
  record: {
    runId: '01kdvdna005274r5p1r5',
    commit,
    atMs,
    evaluationDigest: digest,
    verdict,
    dataset: {
      fingerprint: digest,
      trainingDigest: digest,
      evaluationDigest: digest,
      counts: { rows: 4, training: 3, evaluation: 1, excludedByGroup: 0 },
      excludedByGroupIds: [],
      labels: { training: { 'a secret label': 3 }, evaluation: {} },
      slices: { training: {}, evaluation: {} },
      warnings: [],
    },
    candidate,
    override: { runId: 'held', by: 'Ann', reason: 'a long story', untilMs: 5, checks: [] },
  },
}
const options = {
  builderId: 'https://example.com/workflows/release',
  repositoryUrl: 'https://example.com/team/model',
  packages: { 'sheikh-freemium': '0.1.0+local' },
  startedAtMs: date('2025-05-31'),
  finishedAtMs: atMs,
}
const trust = { trustedKeys: [trusted], atMs }

describe('a statement of where a release comes from', () => {
  it('names the release that training started from, and its bundle', () => {
    const base = { version: '1.1.0', digest, replayShare: 0.5 }
    const record = { ...pending.record, candidate: { ...candidate, base, releases: [{ version: '1.0.0', digest }] } }
    const { predicate } = provenanceOf({ ...pending, record }, options)
    expect(predicate).toMatchObject({
      buildDefinition: {
        externalParameters: { candidate: { base, releases: [{ version: '1.0.0', digest }] } },
        resolvedDependencies: expect.arrayContaining([
          { name: 'base 1.1.0', digest: { sha256: hexOf(digest) } },
          { name: 'release 1.0.0', digest: { sha256: hexOf(digest) } },
        ]),
      },
    })
  })

  it('is SLSA provenance of every file of the bundle', () => {
    const hex = hexOf(digest)
    expect(provenanceOf(pending, options)).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: manifest.files.map((file) => ({ name: file.path, digest: { sha256: hexOf(file.digest) } })),
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          buildType,
          externalParameters: {
            version: '1.2.0',
            channel: 'latest',
            commit,
            sourceKey: digest,
            candidate: {
              trainer: { name: 'tfjs', version: '1', describe: { epochs: 3 } },
              seed: 7,
              trainingDigest: digest,
            },
            dataset: digest,
            evaluation: digest,
          },
          internalParameters: { device: { node: 20 } },
          resolvedDependencies: [
            { name: 'repository', uri: `git+https://example.com/team/model@${commit}`, digest: { gitCommit: commit } },
            { name: 'dataset', digest: { merkleSha256: hex } },
            { name: '@tensorflow/tfjs@4.22.0', uri: 'pkg:npm/%40tensorflow/tfjs@4.22.0' },
            { name: 'sheikh-freemium@0.1.0+local', uri: 'pkg:npm/sheikh-freemium@0.1.0%2Blocal' },
          ],
        },
        runDetails: {
          builder: { id: 'https://example.com/workflows/release' },
          metadata: {
            invocationId: '01kdvdna005274r5p1r5',
            startedOn: '2025-05-31T00:00:00.000Z',
            finishedOn: '2025-06-01T00:00:00.000Z',
          },
          byproducts: [
            {
              name: 'verdict',
              mediaType: 'application/json',
              digest: { sha256: hexOf(digestJson(verdict)) },
              annotations: { status: 'pass' },
            },
            {
              name: 'override',
              mediaType: 'application/json',
              digest: { sha256: hexOf(digestJson(pending.record.override)) },
              annotations: { by: 'Ann', untilMs: 5 },
            },
          ],
        },
      },
    })
  })

  it('holds no rows, no labels and no stories, and is the same bytes each time', () => {
    const text = canonicalJson(provenanceOf(pending, options))
    expect(text).not.toMatch(/secret label|long story|lossCurve/)
    expect(canonicalJson(provenanceOf(JSON.parse(JSON.stringify(pending)), options))).toBe(text)
  })

  it('says of a record that says little no more than that', () => {
    const { builderId, finishedAtMs } = options
    const little: PendingRelease = {
      ...pending,
      postPublish: { withdraws: [] },
      record: { runId: 'x', atMs, restoredFrom: '1.0.0' },
    }
    expect(provenanceOf(little, { builderId, finishedAtMs }).predicate).toEqual({
      buildDefinition: {
        buildType,
        externalParameters: { version: '1.2.0', restoredFrom: '1.0.0' },
        internalParameters: {},
        resolvedDependencies: [],
      },
      runDetails: {
        builder: { id: builderId },
        metadata: { invocationId: 'x', finishedOn: '2025-06-01T00:00:00.000Z' },
        byproducts: [],
      },
    })
  })
})

describe('a signed statement', () => {
  const statement = provenanceOf(pending, options)

  it('is given to whoever trusts its signer', async () => {
    const text = await signStatement(statement, signer)
    expect(verifyStatement(text, trust)).toEqual({ status: 'valid', keyId: trusted.keyId, by: 'Ann', statement })
    expect(statement.predicateType).toBe(provenanceType)
  })

  it('is about the files that are given, and no others', async () => {
    const text = await signStatement(statement, signer)
    expect(verifyStatement(text, { ...trust, manifest })).toMatchObject({ status: 'valid' })
    const more = manifestFrom({ 'config.json': '{}', 'model.safetensors': 'weights', 'model.sig': '', 'README.md': '' })
    expect(verifyStatement(text, { ...trust, manifest: more })).toMatchObject({
      differences: [{ path: 'README.md', difference: 'extra' }],
    })
    expect(verifyStatement(text, { ...trust, manifest: more, ignorePaths: ['README.md'] })).toMatchObject({
      status: 'valid',
    })
    const other = manifestFrom({ 'config.json': '{}', 'model.safetensors': 'other' })
    expect(verifyStatement(text, { ...trust, manifest: other })).toMatchObject({
      status: 'invalid',
      reason: 'the file "model.safetensors" is not as it was signed',
    })
    const twice = { ...statement, subject: [...statement.subject, statement.subject[0]!] }
    const check = verifyStatement(await signStatement(twice, signer), { ...trust, manifest })
    expect(check).toMatchObject({ status: 'invalid', reason: expect.stringContaining('twice') })
  })

  it('is not believed where a word was changed, or somebody else signed it', async () => {
    const text = await signStatement(statement, signer)
    const forged = changed(text, ({ dsseEnvelope }) => {
      const payload = payloadOf(text)
      payload.predicate.buildDefinition.externalParameters.commit = 'f'.repeat(40)
      dsseEnvelope.payload = Buffer.from(JSON.stringify(payload)).toString('base64')
    })
    expect(verifyStatement(forged, trust)).toMatchObject({ status: 'invalid' })
    expect(verifyStatement(text, { ...trust, atMs: date('2030-01-01') })).toMatchObject({ trust: 'expired' })
    const stranger = await signStatement(statement, keySigner(generateSigningKey()))
    expect(verifyStatement(stranger, trust)).toMatchObject({ status: 'untrusted', trust: 'unknown' })
    expect(verifyStatement('', trust)).toMatchObject({ status: 'invalid' })
  })

  it('tells by its type that it is another kind', async () => {
    const check = verifyStatement(await signManifest({ manifest, signer }), trust)
    expect(check).toMatchObject({ statement: { predicateType: 'https://model_signing/signature/v1.0' } })
  })
})
