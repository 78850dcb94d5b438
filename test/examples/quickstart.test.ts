import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import sklearn from '../../bench/reference/sklearn-spam.json' with { type: 'json' }
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { openRepository } from '../../src/repository/index.js'
import { builtPackage } from '../built-package.js'
import { isWhole } from '../whole.js'

const execute = promisify(execFile)
let folder: string
let runs: readonly Run[]

interface Run {
  readonly steps: readonly Record<string, unknown>[]
  readonly report: string
  /** What must be the same in every run. */
  readonly facts: unknown
}

async function quickstart(name: string): Promise<Run> {
  const temporary = await mkdtemp(join(folder, `${name}-`))
  const program = join(await builtPackage(), 'examples/quickstart/main.js')
  const { stdout } = await execute(process.execPath, [program, '--json', '--keep'], {
    env: { ...process.env, TMPDIR: temporary },
    maxBuffer: 2 ** 26,
  })
  const { steps, report } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Run & { report: string }
  const project = join(dirname(report), 'project')
  const bundles: Record<string, string> = {}
  for await (const { version, bundle } of directoryRegistry(join(project, 'releases')).history(callContext()))
    bundles[version] = bundle
  const verdicts: unknown[] = []
  for (const run of await (await (await openRepository(project)).pipeline()).runs({ limit: 10 }))
    if (run.verdict !== undefined) verdicts.push(run.verdict.findings)
  const facts = {
    bundles,
    verdicts,
    pinned: await readFile(join(project, 'dataset/evaluation.json'), 'utf8'),
    accuracy: steps.map(({ accuracy }) => accuracy),
  }
  return { steps, report: await readFile(report, 'utf8'), facts }
}

// Twice the work of eight runs on a real data set: for CI. `npm run quickstart` does it once.
describe.runIf(isWhole)('the quickstart', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sheikh-quickstart-test-'))
    runs = await Promise.all(['one', 'two'].map(quickstart))
  }, 600_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('ends each of its eight steps as a model should fare', () => {
    const outcomes = runs[0]!.steps.map(({ name, status, reason, version }) => [name, status, reason, version])
    expect(outcomes).toEqual([
      ['a', 'released', null, '0.1.0'],
      ['b', 'released', null, '0.1.1'],
      ['c', 'held', 'fail', null],
      ['d', 'up-to-date', null, '0.1.1'],
      ['e', 'restored', null, '0.1.2'],
      ['f', 'held', 'withdrawn', '0.1.1'],
      ['g', 'done', null, null],
      ['h', 'done', null, null],
    ])
  })

  it('gives the same bundles, pinned set and numbers of the verdicts twice', () => {
    expect(runs[1]!.facts).toEqual(runs[0]!.facts)
  })

  it('restores the same bundle, and judges three candidates', () => {
    const { bundles, verdicts } = runs[0]!.facts as { bundles: Record<string, string>; verdicts: unknown[] }
    expect(bundles['0.1.2']).toBe(bundles['0.1.0'])
    expect(verdicts.length).toBeGreaterThanOrEqual(3)
  })

  it('is no worse at (b) than the linear model of scikit-learn, on the same split', () => {
    const { accuracy } = runs[0]!.steps.find(({ name }) => name === 'b')!
    expect(accuracy).toBeGreaterThanOrEqual(sklearn.accuracy['words, 2^14 features'].highest)
  })

  it('reports the poisoned run with the slices that it fails on', () => {
    expect(runs[0]!.report).toContain('spam-1')
  })
})
