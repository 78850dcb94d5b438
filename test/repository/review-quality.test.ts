import { cpSync, readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { groupKeyOf, isSelected } from '../../src/dataset/index.js'
import { type MeasuredQuality, openRepository, type Review, type ReviewOptions } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { madeOnce } from '../made-once.js'
import { git, temporaryFolder, write } from './harness.js'

interface Sample {
  readonly id: string
  readonly text: string
  readonly label: string
}

const subjects = ['apple', 'pear', 'plum', 'fig', 'car', 'bus', 'tram', 'train']
const fillers = ['red', 'old', 'new', 'small', 'large', 'slow', 'loud', 'green']

/** Texts of which one word in four tells the label. */
const samplesFrom = (first: number, count: number): readonly Sample[] => {
  const random = seededRandom(first)
  const pick = (words: readonly string[]) => words[random.below(words.length)]!
  return Array.from({ length: count }, (_, index) => {
    const subject = pick(subjects)
    const words = [pick(fillers), subject, pick(fillers), `n${first + index}`]
    return {
      id: `s${first + index}`,
      text: words.join(' '),
      label: subjects.indexOf(subject) < 4 ? 'fruit' : 'vehicle',
    }
  })
}

const all = samplesFrom(0, 600)
const samplesFile = 'dataset/samples/all.jsonl'
const lines = (samples: readonly Sample[]) => samples.map((sample) => `${JSON.stringify(sample)}\n`).join('')
const pipeline = (margin: number, more = '') =>
  `pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { regression_check: { margin: ${margin} } }, { weight_integrity: true }${more} ] } }\n`

const files: Readonly<Record<string, string>> = {
  '.gitignore': '.sheikh/\n',
  'dataset/config.yaml': 'projection: { id: id, input: text, target: label }\n',
  'mlops/pipeline.yaml': pipeline(0.1),
  'mlops/training/config.yaml': 'model: { architecture: text-classifier }\ntraining: { num_train_epochs: 3 }\n',
  [samplesFile]: lines(all),
}

async function make(root: string, changed: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const [path, content] of Object.entries({ ...files, ...changed })) write(root, path, content)
  git(root, 'init', '-q', '-b', 'main')
  await (await openRepository(root)).pinEvaluation({ share: 0.2, salt: 'tiny' })
  commit(root)
}

function commit(root: string): void {
  git(root, 'add', '.')
  git(root, 'commit', '-qm', 'Change')
}

/** A project whose base was trained and scored by an earlier review, as a cache brings it. */
const warm = () =>
  madeOnce('reviewed-project', async (root) => {
    await make(root)
    write(root, 'mlops/pipeline.yaml', pipeline(0.09))
    commit(root)
    await reviewed(root)
    git(root, 'reset', '-q', '--hard', 'HEAD~1')
  })

async function project(): Promise<string> {
  const root = join(temporaryFolder(), 'project')
  cpSync(await warm(), root, { recursive: true })
  return root
}

async function reviewed(root: string, options: ReviewOptions = {}): Promise<Review> {
  return (await openRepository(root)).review('HEAD~1', { train: true, share: 0.3, ...options })
}

async function afterChange(changed: Readonly<Record<string, string>>, options?: ReviewOptions): Promise<Review> {
  const root = await project()
  for (const [path, content] of Object.entries(changed)) write(root, path, content)
  commit(root)
  return reviewed(root, options)
}

const measured = ({ quality }: Review): MeasuredQuality => {
  if (quality?.status !== 'measured') throw new Error(JSON.stringify(quality))
  return quality
}

/** Half of the samples of two words get the label of another. */
const poisoned = all.map((sample, index) =>
  /apple|pear|plum/.test(sample.text) && index % 10 !== 0 ? { ...sample, label: 'vehicle' } : sample,
)

async function pinnedIds(root: string): Promise<readonly string[]> {
  const { items } = JSON.parse(await readFile(join(root, 'dataset/evaluation.json'), 'utf8'))
  return items.map(({ id }: Sample) => id)
}

/** The samples without edits of pinned items, which no run accepts. */
async function keepingPinned(root: string, samples: readonly Sample[]): Promise<readonly Sample[]> {
  const pinned = new Set(await pinnedIds(root))
  return samples.map((sample) => (pinned.has(sample.id) ? all.find(({ id }) => id === sample.id)! : sample))
}

const leftBehind = (root: string) => {
  const work = join(root, '.sheikh/review/work')
  return readdirSync(work).flatMap((name) => readdirSync(join(work, name)))
}

describe('Repository.review with training', () => {
  itInFull('passes a change of settings that training does not read, without training again', async () => {
    const stages: unknown[] = []
    const review = await afterChange(
      { 'mlops/pipeline.yaml': pipeline(0.5) },
      { onEvent: (event) => event.type === 'stage-end' && stages.push([event.stage, event.cached]) },
    )
    expect(review.summary).toMatch(
      /^Loosens the gate\. Safe to merge: training gives the same model as before; will train, /,
    )
    expect([review.verdict, measured(review).verdict]).toEqual(['pass', undefined])
    expect(stages).toEqual(['train base', 'evaluate base', 'train head', 'evaluate head'].map((name) => [name, true]))
  })

  it('passes samples that do no harm, by the development rows of the base only', async () => {
    const root = await project()
    const pinned = await pinnedIds(root)
    write(root, samplesFile, lines([...all, ...samplesFrom(5000, 60)]))
    commit(root)
    const review = await reviewed(root)
    const { items, trained, leftOut, scores } = measured(review)
    expect(review.verdict).toBe('pass')
    expect(review.summary).toMatch(/^Safe to merge: at worst \d+\.\d points lower \(95 %\); will train, /)
    expect(trained).toEqual({ base: 600 - pinned.length - items, head: 660 - pinned.length - items })
    expect(leftOut).toEqual({ base: items, head: items })
    expect(scores[0]).toMatchObject({ metric: 'accuracy', items, difference: { status: 'pass' } })
    for (const id of pinned) expect(JSON.stringify(review)).not.toContain(`"${id}"`)
    // Nothing that a run could find.
    for (const name of ['keys', 'objects', 'runs', 'journals', 'checkpoints'])
      expect(readdirSync(join(root, '.sheikh'))).not.toContain(name)
    expect(readdirSync(join(root, '.sheikh/review'))).not.toContain('runs')
    expect(leftBehind(root)).toEqual([])
    expect(git(root, 'for-each-ref', '--format=%(refname)').trim()).toBe('refs/heads/main')
  })

  it('fails poisoned labels with numbers, also if the gate was loosened and development rows were relabelled', async () => {
    const root = await project()
    write(root, samplesFile, lines(await keepingPinned(root, poisoned)))
    write(root, 'mlops/pipeline.yaml', pipeline(0.9))
    commit(root)
    const review = await reviewed(root)
    expect(review.verdict).toBe('fail')
    expect(review.summary).toMatch(
      /^Loosens the gate\. Not safe to merge: accuracy is \d+\.\d to \d+\.\d points lower \(95 % for each bound\)\.$/,
    )
    const [{ base, head } = {}] = measured(review).scores
    expect(base!.value - head!.value).toBeGreaterThan(0.1)
  })

  itInFull('does not pass a change of rows that no training reads', async () => {
    const root = await project()
    const pinned = new Set(await pinnedIds(root))
    const isDevelopment = (id: string) =>
      !pinned.has(id) && isSelected(groupKeyOf({ id }), { salt: 'tiny', purpose: 'review', share: 0.3 })
    const swapped = (label: string) => (label === 'fruit' ? 'vehicle' : 'fruit')
    const relabelled = all.map((one) => (isDevelopment(one.id) ? { ...one, label: swapped(one.label) } : one))
    write(root, samplesFile, lines(relabelled))
    commit(root)
    const review = await reviewed(root)
    const { items, changedRows, verdict } = measured(review)
    expect([verdict, changedRows]).toEqual([undefined, { total: items, trainedOn: 0 }])
    expect(review.verdict).toBe('inconclusive')
    expect(review.summary).toMatch(/^Inconclusive: the review could train on none of the \d+ changed rows, /)
  })

  it('judges by all development rows of the base if the change deletes them, or gives their texts other ids', async () => {
    const root = await project()
    const { items } = measured(await reviewedAfterNothing(root))
    const kept = await keepingPinned(root, all)
    const ids = new Set(await pinnedIds(root))
    const others = kept.filter(({ id }) => !ids.has(id))
    const copies = others.map(({ text, label }, index) => ({
      id: `copy${index}`,
      text: `${text.toUpperCase()}!`,
      label,
    }))
    const pinnedCopies = kept.filter(({ id }) => ids.has(id)).map((one) => ({ ...one, id: `pin-${one.id}` }))
    // All other samples are deleted, and come again with another spelling.
    write(root, samplesFile, lines([...kept.filter(({ id }) => ids.has(id)), ...copies, ...pinnedCopies]))
    commit(root)
    const quality = measured(await reviewed(root))
    expect(quality.items).toBe(items)
    expect(quality.trained.head).toBe(quality.trained.base)
    expect(quality.leftOut.head).toBe(items + ids.size)
  })

  it('does not let a prompt write the answer into the input', async () => {
    const review = await afterChange({
      'dataset/config.yaml': 'projection: { id: id, input: prompts/training/ask.txt, target: label }\n',
      'prompts/training/ask.txt': '{{ label }}: {{ text }}\n',
    })
    expect(review.verdict).toBe('inconclusive')
    expect(review.summary).toMatch(/^Inconclusive: quality was not measured\. The pull request cannot be used\./)
  })

  itInFull('asks a model with the inputs that its own prompts make', async () => {
    const review = await afterChange({
      'dataset/config.yaml': 'projection: { id: id, input: prompts/training/ask.txt, target: label }\n',
      'prompts/training/ask.txt': 'What is this? {{ text }}\n',
    })
    expect(review.verdict).toBe('pass')
    expect(measured(review).leftOut.head).toBe(measured(review).items)
  })

  it('says how many rows it needs if there are too few', async () => {
    const review = await afterChange({ [samplesFile]: lines([...all, ...samplesFrom(5000, 60)]) }, { share: 0.02 })
    expect(review.verdict).toBe('inconclusive')
    expect(review.summary).toMatch(
      /^Inconclusive: accuracy is between \d+\.\d points lower and \d+\.\d points higher \(95 % for each bound\); \d+ more development rows would decide; will train, /,
    )
  })

  it('fails what cannot be trained', async () => {
    const root = await project()
    const oneLabel = all.map((sample) => ({ ...sample, label: 'vehicle' }))
    write(root, samplesFile, lines(await keepingPinned(root, oneLabel)))
    commit(root)
    const review = await reviewed(root)
    expect(review.summary).toMatch(/^Not safe to merge: it cannot be trained\. /)
    expect([review.verdict, review.quality?.status]).toEqual(['fail', 'failed'])
  })

  itInFull('leaves nothing behind if it is aborted during a training, and goes on later', async () => {
    const root = await project()
    write(root, samplesFile, lines([...all, ...samplesFrom(5000, 60)]))
    commit(root)
    const controller = new AbortController()
    const reason = new Error('enough')
    const onEvent = (event: { readonly type: string }) => event.type === 'train-progress' && controller.abort(reason)
    await expect(reviewed(root, { signal: controller.signal, onEvent })).rejects.toBe(reason)
    expect(leftBehind(root)).toEqual([])
    expect((await reviewed(root)).verdict).toBe('pass')
  })

  const baseless = [
    ['has no project yet', undefined, 'The base has no project yet, so there is nothing to compare with.'],
    ['does not validate', `${lines(all)}{"id":"x"}\n`, 'The base cannot be used. Cannot use the samples'],
    ['has too few samples', lines(all.slice(0, 6)), 'of the base for development.'],
  ] as const
  itInFull.each(baseless)('says so if the base %s', async (_, samples, reason) => {
    const root = join(temporaryFolder(), 'project')
    if (samples === undefined) {
      write(root, 'README.md', '# Empty\n')
      git(root, 'init', '-q', '-b', 'main')
    } else await make(root, { [samplesFile]: samples.replace('{"id":"x"}\n', '') })
    if (samples !== undefined) write(root, samplesFile, samples)
    git(root, 'add', '.')
    git(root, 'commit', '-qm', 'Base', '--allow-empty')
    rmSync(join(root, 'dataset/evaluation.json'), { force: true })
    for (const [path, content] of Object.entries(files)) write(root, path, content)
    await (await openRepository(root)).pinEvaluation({ share: 0.2, salt: 'tiny' })
    commit(root)
    const review = await reviewed(root, { share: 0.001 })
    expect(review.verdict).toBe('inconclusive')
    expect(review.quality).toMatchObject({ status: 'unmeasured', reason: expect.stringContaining(reason) })
    expect(JSON.stringify(review)).not.toContain('.sheikh/')
  })

  itInFull('trains with the code of each commit', async () => {
    const root = join(temporaryFolder(), 'project')
    const config = `import { name } from './trainer/name.ts'
const { fakeTrainer } = globalThis[Symbol.for('sheikh-freemium.review-test')]
export default { trainer: fakeTrainer({ setting: name }) }\n`
    const { fakeTrainer } = await import('../../src/testing/fake-trainer.js')
    Object.assign(globalThis, { [Symbol.for('sheikh-freemium.review-test')]: { fakeTrainer } })
    write(root, 'trainer/name.ts', "export const name = 'before'\n")
    await make(root, { 'sheikh.config.mjs': config })
    // Nothing else: a module that the configuration imports is a part of the project.
    write(root, 'trainer/name.ts', "export const name = 'after'\n")
    commit(root)
    const cached: unknown[] = []
    const onEvent: ReviewOptions['onEvent'] = (event) =>
      event.type === 'stage-end' && event.stage.startsWith('train') && cached.push(event.cached)
    const { summary, diff } = await reviewed(root, { onEvent })
    expect(cached).toEqual([false, false])
    expect(summary).toMatch(/^Changes code of the pipeline\. /)
    expect(diff.files).toEqual([{ path: 'trainer/name.ts', change: 'changed' }])
    await reviewed(root, { onEvent })
    expect(cached).toEqual([false, false, true, true])
    write(root, 'trainer/name.ts', "export const name = 'uncommitted'\n")
    await expect(reviewed(root)).rejects.toMatchObject({ code: 'repository-dirty' })
  })

  it('judges by the checks of the base, also if they are code', async () => {
    const root = join(temporaryFolder(), 'project')
    const { fakeTrainer } = await import('../../src/testing/fake-trainer.js')
    const check = (name: string, status: 'pass' | 'fail') => ({
      ...{ contract: 1, name, version: '1', metrics: [], describe: () => ({}) },
      examine: async () => [{ kind: 'statement', check: name, status, critical: true, reason: 'it says so' }],
    })
    Object.assign(globalThis, { [Symbol.for('sheikh-freemium.review-checks')]: { fakeTrainer, check } })
    const config = (name: string, status: string) => `
const { fakeTrainer, check } = globalThis[Symbol.for('sheikh-freemium.review-checks')]
export default { trainer: fakeTrainer({ setting: '${name}' }), checks: [check('${name}', '${status}')] }\n`
    await make(root, { 'sheikh.config.mjs': config('of-base', 'fail') })
    write(root, 'sheikh.config.mjs', config('of-head', 'pass'))
    // The fake trainer makes another model of a new first word.
    write(root, samplesFile, lines([...all, { id: 'new', text: 'tractor', label: 'vehicle' }]))
    commit(root)
    const review = await reviewed(root)
    expect(review.verdict).toBe('fail')
    expect(review.summary).toMatch(/^Changes code of the pipeline\. Not safe to merge: of-base: it says so\.$/)
  })

  itInFull('uses in a linked work tree what a review in the main one trained', async () => {
    const root = await project()
    const linked = join(temporaryFolder(), 'linked')
    git(root, 'worktree', 'add', '-q', '-b', 'other', linked)
    write(linked, 'mlops/pipeline.yaml', pipeline(0.2))
    commit(linked)
    const cached: unknown[] = []
    await reviewed(linked, { onEvent: (event) => event.type === 'stage-end' && cached.push(event.cached) })
    expect(cached).toEqual([true, true, true, true])
    expect(leftBehind(linked)).toEqual([])
  })
})

/** A change that only the gate reads. */
async function reviewedAfterNothing(root: string): Promise<Review> {
  write(root, 'mlops/pipeline.yaml', pipeline(0.11))
  commit(root)
  return reviewed(root)
}
