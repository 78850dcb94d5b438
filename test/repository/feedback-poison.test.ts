import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, seededRandom } from '../../src/core/index.js'
import { type FeedbackStore, memoryFeedback } from '../../src/feedback/index.js'
import { openRepository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, temporaryFolder, write } from './harness.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: poisoned feedback, since ${gitIsMissing}\n`)

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
const subjects = ['apple', 'pear', 'plum', 'fig', 'car', 'bus', 'tram', 'train']
const fillers = ['red', 'old', 'new', 'small', 'large', 'slow', 'loud', 'green']

/** Texts of which one word in four tells the label. */
function mails(first: number, count: number): readonly { readonly text: string; readonly label: string }[] {
  const random = seededRandom(first)
  return Array.from({ length: count }, (_, index) => {
    const subject = subjects[random.below(8)]!
    const text = [fillers[random.below(8)], subject, fillers[random.below(8)], `n${first + index}`].join(' ')
    return { text, label: subjects.indexOf(subject) < 4 ? 'fruit' : 'vehicle' }
  })
}

async function makeProject(): Promise<string> {
  const root = join(temporaryFolder(), 'project')
  const samples = mails(0, 800).map((mail, index) => `${JSON.stringify({ id: `s${index}`, ...mail })}\n`)
  write(root, '.gitignore', '.sheikh/\n')
  write(root, 'dataset/config.yaml', 'projection: { id: id, input: text, target: label }\n')
  write(
    root,
    'mlops/pipeline.yaml',
    'pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { regression_check: { margin: 0.1 } }, { weight_integrity: true } ] } }\n',
  )
  write(
    root,
    'mlops/training/config.yaml',
    'model: { architecture: text-classifier }\ntraining: { num_train_epochs: 3 }\n',
  )
  write(root, 'dataset/samples/all.jsonl', samples.join(''))
  git(root, 'init', '-q', '-b', 'main')
  await (await openRepository(root)).pinEvaluation({ share: 0.2, salt: 'tiny' })
  git(root, 'add', '.')
  git(root, 'commit', '-qm', 'Start')
  return root
}

const flipped = (label: string) => (label === 'fruit' ? 'vehicle' : 'fruit')
let clock = 1_000

/** Corrections as one source gives them. */
async function correct(
  store: FeedbackStore,
  source: string,
  said: ReturnType<typeof mails>,
  as = (label: string) => label,
) {
  for (const { text, label } of said) {
    const id = `p${clock++}`
    const release = { version: '0.1.0', bundle: digestBytes('bundle') }
    const content = { kind: 'correction', target: as(label) } as const
    await store.append(
      [
        { kind: 'prediction', id, input: text, timeMs: clock, release, prediction: { kind: 'label', label: 'fruit' } },
        { kind: 'feedback', id: `f${id}`, prediction: id, source, timeMs: clock, content },
      ],
      context,
    )
  }
}

const poison = mails(5_000, 800)
const honest = ['ann', 'bob', 'cho', 'dee']

describe.skipIf(gitIsMissing !== undefined)('feedback of a source that flips labels', () => {
  it('makes a small part of a batch, and nothing where others contradict it', async () => {
    const store = memoryFeedback()
    await correct(store, 'mallory', poison, flipped)
    for (const [index, source] of honest.entries()) await correct(store, source, mails(9_000 + 100 * index, 30))
    // Others speak about ten of the poisoned inputs.
    await correct(store, 'eve', poison.slice(0, 10))
    const repository = await openRepository(await makeProject(), { environment: {} })
    const { batch } = await repository.proposeFeedback(store, { author })
    const poisoned = batch.samples.filter(({ origin }) => origin.sources.includes('mallory'))
    expect(poisoned).toHaveLength(50)
    expect(batch.samples).toHaveLength(50 + 120)
    const count = (reason: string) => batch.leftOut.filter((one) => one.reason === reason).length
    expect([count('conflict'), count('source-limit')]).toEqual([10, 740])
    const texts = new Set(batch.samples.map(({ sample }) => sample['text']))
    expect(poison.slice(0, 10).some(({ text }) => texts.has(text))).toBe(false)
  })

  itInFull(
    'fails the review of its branch if it gets through, and a right batch does not',
    async () => {
      const root = await makeProject()
      const store = memoryFeedback()
      await correct(store, 'mallory', poison, flipped)
      const repository = await openRepository(root, { environment: {} })
      const { proposed, batch } = await repository.proposeFeedback(store, { author, trusted: ['mallory'] })
      expect(batch.samples).toHaveLength(800)
      for (const source of honest) await correct(store, source, mails(20_000 + clock, 30))
      const right = await repository.proposeFeedback(store, { author })
      expect(right.batch.samples).toHaveLength(120)

      git(root, 'switch', '-q', right.proposed!.branch)
      const good = await repository.review('main', { train: true, share: 0.3 })
      git(root, 'switch', '-q', proposed!.branch)
      const bad = await repository.review('main', { train: true, share: 0.3 })
      expect(good.verdict).not.toBe('fail')
      expect(bad.verdict).toBe('fail')
      expect(bad.summary).toMatch(/Not safe to merge: accuracy is .* points lower/)
    },
    120_000,
  )
})
