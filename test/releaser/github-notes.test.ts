import { describe, expect, it } from 'vitest'
import { digestBytes, digestManifest, manifestOf } from '../../src/core/index.js'
import type { DatasetSummary } from '../../src/dataset/index.js'
import { releaseNotes } from '../../src/releaser/github/index.js'
import type { PendingRelease, ReleaseRecord } from '../../src/releaser/index.js'
import type { CandidateRecord } from '../../src/trainer/index.js'

const secret = 'Dear Ms Miller, your account'

function pending(version: string, files: Record<string, string>, record: Partial<ReleaseRecord> = {}): PendingRelease {
  const manifest = manifestOf(
    Object.entries(files).map(([path, text]) => ({ path, sizeBytes: text.length, digest: digestBytes(text) })),
  )
  return {
    formatVersion: 1,
    version,
    bundle: digestManifest(manifest),
    manifest,
    postPublish: { channel: 'latest', withdraws: [] },
    record: { runId: `run-${version}`, atMs: 0, ...record },
  }
}

const dataset = (training: number, fingerprint: string): DatasetSummary => ({
  fingerprint: digestBytes(fingerprint),
  trainingDigest: digestBytes('training'),
  evaluationDigest: digestBytes('evaluation'),
  counts: { rows: training + 10, training, evaluation: 10, excludedByGroup: 0 },
  excludedByGroupIds: [],
  labels: { training: { [secret]: 1 }, evaluation: {} },
  slices: { training: {}, evaluation: {} },
  warnings: [{ code: 'shared-input', message: secret, ids: [] }],
})
const candidate = (epochs: number, base: string): CandidateRecord => ({
  seed: 7,
  trainingDigest: digestBytes('training'),
  lossCurve: [],
  trainer: { name: 'tfjs', describe: { training: { epochs, shuffle: true }, base } },
})
const evaluationDigest = digestBytes('evaluation')

const first = pending(
  '1.0.0',
  { 'model.bin': 'one', 'prompts/a.txt': 'a', 'prompts/b.txt': 'b' },
  { dataset: dataset(90, 'one'), candidate: candidate(3, 'x'), metrics: { accuracy: 0.9 }, evaluationDigest },
)
const second = pending(
  '1.1.0',
  { 'model.bin': 'two', 'prompts/a.txt': 'changed', 'prompts/c.txt': 'c' },
  {
    dataset: dataset(95, 'two'),
    candidate: candidate(4, 'y'),
    metrics: { accuracy: 0.92, recall: null },
    evaluationDigest,
    commit: 'c0ffee',
    verdict: {
      status: 'pass',
      whenInconclusive: 'ask',
      summary: secret,
      findings: [
        { kind: 'statement', check: 'a', status: 'pass', critical: true, reason: secret },
        { kind: 'statement', check: 'b', status: 'inconclusive', critical: false, reason: secret },
      ],
    },
  },
)

describe('release notes', () => {
  it('say what changed in data, prompts, configuration and metrics', () => {
    const notes = releaseNotes(second, first)
    expect(notes).toContain('Version 1.1.0, after 1.0.0.')
    expect(notes).toContain('Commit: `c0ffee`')
    expect(notes).toContain("The gate's verdict is **pass**: 1 of 2 findings passed.")
    expect(notes).toContain('| `accuracy` | 0.92 | 0.9 |')
    expect(notes).toContain('| `recall` |  |  |')
    expect(notes).toContain('changed, rows 105 (was 100), training 95 (was 90), evaluation 10, excludedByGroup 0')
    expect(notes).toContain('| prompts | 1 added, 1 changed, 1 removed; now 2 files, 8 bytes |')
    expect(notes).toContain('| other files | 0 added, 1 changed, 0 removed; now 1 file, 3 bytes |')
    expect(notes).toContain('| configuration: `trainer.describe.training.epochs` | 3 → 4 |')
    expect(notes).toContain('| configuration: `trainer.describe.base` | changed |')
    expect(notes).toContain(second.bundle)
  })

  it('of the first release compare with nothing', () => {
    const notes = releaseNotes(first)
    expect(notes).toContain('Version 1.0.0, the first release.')
    expect(notes).toContain('| prompts | 2 files, 2 bytes |')
    expect(notes).not.toMatch(/changed|was|configuration/)
  })

  it('of the same again say that nothing changed', () => {
    const notes = releaseNotes({ ...first, version: '1.0.1' }, first)
    expect(notes).toContain('| data | unchanged, ')
    expect(notes).toContain('| prompts | unchanged: 2 files, 2 bytes |')
    expect(notes).toContain('| configuration | unchanged |')
  })

  it('compare no metrics on other items', () =>
    expect(
      releaseNotes({ ...second, record: { ...second.record, evaluationDigest: digestBytes('other') } }, first),
    ).toContain('| `accuracy` | 0.92 |  |'))

  it('of a rollback say so', () =>
    expect(
      releaseNotes(
        {
          ...first,
          version: '1.2.0',
          postPublish: { withdraws: ['1.1.0'] },
          record: { ...first.record, restoredFrom: '1.0.0' },
        },
        second,
      ),
    ).toMatch(/^Version 1\.2\.0: the files of 1\.0\.0 again\.[\s\S]*Withdraws: 1\.1\.0/))

  it('hold no text of a sample, call nobody, end no cell and stay within what GitHub takes', () => {
    const metrics = Object.fromEntries(
      Array.from({ length: 5000 }, (_, index) => [`metric ${index} | @team <b> \`x\` ${'y'.repeat(200)}`, index]),
    )
    const notes = releaseNotes({ ...second, record: { ...second.record, metrics } }, first)
    expect(notes).not.toContain(secret)
    expect(notes).not.toMatch(/@team|<b>/)
    expect(notes).toContain('4960 more are in')
    expect(notes.length).toBeLessThan(125_000)
  })

  it('take a record that says nothing', () =>
    expect(releaseNotes(pending('1.0.0', { a: 'a' }), first)).toContain('Version 1.0.0'))
})
