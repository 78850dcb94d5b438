import { describe, expect, it } from 'vitest'
import { digestBytes, digestManifest, manifestOf } from '../../src/core/index.js'
import { parsePending } from '../../src/releaser/index.js'

const manifest = manifestOf([{ path: 'a', sizeBytes: 1, digest: digestBytes('a') }])
const finding = { kind: 'statement', check: 'a', status: 'pass', critical: true, reason: 'fine' }
const verdict = { status: 'pass', findings: [finding], summary: 'fine', whenInconclusive: 'ask' }
const record = { runId: 'run', atMs: 1, verdict, metrics: { accuracy: null }, later: { any: 'thing' } }
const parse = (changes: object) =>
  parsePending(
    {
      ...{ formatVersion: 1, version: '1.0.0', bundle: digestManifest(manifest), manifest },
      ...{ postPublish: { withdraws: [] }, record: { ...record, ...changes } },
    },
    'a.json',
  )

describe('the record of a release', () => {
  it('is taken as it is, with members that this version does not know', () => expect(parse({}).record).toEqual(record))

  it.each<readonly [string, object]>([
    ['record.runId', { runId: 7 }],
    ['record.atMs', { atMs: '1' }],
    ['record.metrics.accuracy', { metrics: { accuracy: 'good' } }],
    ['record.verdict.status', { verdict: { ...verdict, status: 'fine' } }],
    ['record.verdict.status', { verdict: { ...verdict, status: 'constructor' } }],
    ['record.verdict.findings', { verdict: { ...verdict, status: 'fail', findings: [] } }],
    ['record.verdict.findings.1.check', { verdict: { ...verdict, findings: [finding, { ...finding, check: null }] } }],
    ['record.verdict.whenInconclusive', { verdict: { ...verdict, whenInconclusive: undefined } }],
    ['record.candidate.trainer', { candidate: { seed: 1 } }],
    ['record.dataset', { dataset: [] }],
    ['record.policy.slices', { policy: { gate: {} } }],
    [
      'record.source.data',
      { source: { architecture: 'a', labels: null, configuration: digestBytes(''), prompts: digestBytes('') } },
    ],
    ['record.answers.columns', { answers: { formatVersion: 1, evaluationDigest: digestBytes(''), metrics: {} } }],
    ['record.override.untilMs', { override: { runId: 'r', by: 'a', reason: 'b', checks: [] } }],
    ['record.ledger.digest', { ledger: { sequence: 0, digest: 'none' } }],
    ['record.stages', { stages: 'none' }],
  ])('is refused with a wrong %s', (path, changes) => {
    expect(() => parse(changes)).toThrow(`its "${path}" is missing or has another form`)
  })
})
