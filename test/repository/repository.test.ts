import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import { openRepository, type Repository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { changeSamples, compactProject } from '../template-project.js'
import { dirtyPaths, git, gitStatus, temporaryFolder, write } from './harness.js'

let root: string
let repository: Repository

beforeEach(async () => {
  root = join(temporaryFolder(), 'tickets')
  cpSync(await compactProject(), root, { recursive: true })
  repository = await openRepository(root)
})

const run = async (options = {}) => (await repository.pipeline()).run(options)
const commit = (message = 'change') => repository.commit({ message })
const pinnedIds = async () => (await repository.evaluationSet()).items.map(({ id }) => id)
/** What a bad sample ends in, before and after it is committed. */
async function refusal(): Promise<{ readonly code: string; readonly message: string }> {
  const of = async (act: Promise<unknown>) => {
    const error = await act.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (!isSheikhError(error)) throw new Error(`expected an error of ours, and it is ${String(error)}`)
    return error
  }
  const found = await of(repository.validate())
  await commit()
  expect((await of(run())).code).toBe(found.code)
  return found
}

it('the signal of the repository ends calls without a signal of their own', async () => {
  const stop = new AbortController()
  const stoppable = await openRepository(root, { signal: stop.signal })
  stop.abort('stopped')
  await expect(stoppable.validate()).rejects.toBe('stopped')
  await expect(stoppable.checkData()).rejects.toBe('stopped')
  await expect(stoppable.worker()).rejects.toBe('stopped')
  await expect(stoppable.diff()).rejects.toBe('stopped')
})

it('a folder in no repository is an error that says what to do', async () => {
  await expect(openRepository(temporaryFolder())).rejects.toMatchObject({ code: 'repository-invalid' })
})

describe('a run', () => {
  itInFull('of a dirty tree is refused, naming the files; of an allowed one points no channel', async () => {
    write(root, 'notes.txt')
    write(root, 'mlops/training/config.yaml', 'training: { seed: 1 }\n')
    await expect(run()).rejects.toMatchObject({
      code: 'repository-dirty',
      facts: { paths: ['mlops/training/config.yaml'] },
    })
    expect(await run({ allowDirty: true })).toMatchObject({ status: 'released' })
    expect(await (await repository.pipeline()).current()).toBe(undefined)
    await commit()
    await run()
    expect((await (await repository.pipeline()).current())?.record.commit).toBe(git(root, 'rev-parse', 'HEAD').trim())
  })

  itInFull('of a dirty schema is refused, wherever in the project the schema is', async () => {
    const schema = readFileSync(join(root, 'dataset/schemas/sample.json'), 'utf8')
    const config = readFileSync(join(root, 'dataset/config.yaml'), 'utf8')
    write(root, 'schemas/sample.json', schema)
    write(root, 'dataset/config.yaml', config.replace('dataset/schemas/sample.json', './schemas/sample.json'))
    await commit('another place for the schema')
    expect(gitStatus(root)).toBe('')
    expect(await run()).toMatchObject({ status: 'released' })
    write(root, 'schemas/sample.json', `${schema}\n`)
    expect(await dirtyPaths(repository)).toEqual(['schemas/sample.json'])
    await expect(run()).rejects.toMatchObject({ code: 'repository-dirty', facts: { paths: ['schemas/sample.json'] } })
  })

  itInFull('after a revert restores what was released before, and trains nothing', async () => {
    const first = await run()
    write(root, 'mlops/training/config.yaml', 'training: { num_train_epochs: 12 }\n')
    const oid = await commit('more epochs')
    const second = await run()
    if (first.status !== 'released' || second.status !== 'released')
      throw new Error(`expected two releases: ${second.status}`)
    await repository.revert(oid)
    const third = await run()
    expect(third).toMatchObject({ status: 'restored', restoredFrom: first.release.version })
    expect(third.status === 'restored' && third.release.bundle).toBe(first.release.bundle)
    expect(gitStatus(root)).toBe('')
  })

  itInFull(
    'takes the pipeline, the trainer or the checks of sheikh.config, and is another configuration then',
    async () => {
      await run()
      write(
        root,
        'sheikh.config.mjs',
        `export default { checks: [{ contract: 1, name: 'never', version: '1', metrics: [], describe: () => null,
        examine: async () => [{ kind: 'statement', check: 'never', status: 'fail', critical: true, reason: 'on principle' }] }] }\n`,
      )
      write(root, 'mlops/training/config.yaml', 'training: { num_train_epochs: 2 }\n')
      await commit('a check of our own')
      expect(await run()).toMatchObject({ status: 'held', reason: 'fail' })
    },
  )

  it('tells TensorBoard of itself where the configuration asks for it, in a folder that is no part of the project', async () => {
    write(root, 'mlops/training/config.yaml', 'training: { num_train_epochs: 1, report_to: [tensorboard, mlflow] }\n')
    await commit()
    const { runId } = await run()
    expect(readdirSync(join(root, '.sheikh/tensorboard'))).toEqual([runId])
    expect(gitStatus(root)).toBe('')
  })

  it('of an architecture that nobody knows is an error that names it', async () => {
    write(root, 'mlops/training/config.yaml', 'model: { architecture: gpt-j }\n')
    await commit()
    await expect(run()).rejects.toMatchObject({ code: 'invalid-config', message: expect.stringContaining('gpt-j') })
  })
})

describe('a bad sample', () => {
  it.each([
    ['that is no JSON', '{ "id": "x", ', /bad\.json/],
    ['that breaks the schema', '{ "id": "x", "text": 3, "label": "billing" }', /text/],
    ['that lacks a field', '{ "id": "x", "label": "billing" }', /text/],
    ['that repeats an id', '{ "id": "billing-01", "text": "again", "label": "billing" }', /billing-01/],
    ['that is no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), /UTF-8/],
    ['that is empty', '', /bad\.json/],
  ] as const)('%s is named, before and after it is committed', async (_, content, said) => {
    write(root, 'dataset/samples/billing/bad.json', content)
    const { code, message } = await refusal()
    expect(code).toBe('dataset-invalid')
    expect(message).toMatch(said)
  })

  it('of 200 MB is refused unread', async () => {
    write(root, 'dataset/samples/billing/big.json', '')
    truncateSync(join(root, 'dataset/samples/billing/big.json'), 200_000_000)
    const before = process.memoryUsage().rss
    await expect(repository.validate()).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('big.json'),
    })
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })

  it.each(['/etc/passwd', '../../../../outside.json'])('that is a link to %s is refused', async (target) => {
    write(join(root, '..'), 'outside.json', '{ "id": "x", "text": "secret", "label": "billing" }')
    symlinkSync(target, join(root, 'dataset/samples/billing/link.json'))
    const { code, message } = await refusal()
    expect(code).toBe('dataset-invalid')
    expect(message).toContain('link.json')
    expect(message).not.toContain('secret')
  })
})

describe('a dataset that nothing can be learned from', () => {
  it('an empty one', async () => {
    rmSync(join(root, 'dataset/samples'), { recursive: true })
    rmSync(join(root, 'dataset/evaluation.json'))
    expect((await refusal()).code).toBe('dataset-invalid')
  })

  it('one class only', async () => {
    await changeSamples(root, (sample, isPinned) => (isPinned || sample.label === 'billing' ? sample : undefined))
    await commit()
    await expect(run()).rejects.toMatchObject({ code: 'dataset-invalid', message: expect.stringContaining('billing') })
  })

  it('a label in the evaluation set that training never saw', async () => {
    await changeSamples(root, (sample, isPinned) => (isPinned || sample.label !== 'login' ? sample : undefined))
    await commit()
    await expect(run()).rejects.toMatchObject({ code: 'dataset-invalid', message: expect.stringContaining('login') })
  })

  it('a template with a variable that no sample has, with file and line', async () => {
    write(root, 'prompts/training/ask.txt', 'Which kind?\n{{ text }} of {{ customer }}\n')
    const config = readFileSync(join(root, 'dataset/config.yaml'), 'utf8')
    write(root, 'dataset/config.yaml', config.replace('input: text', 'input: prompts/training/ask.txt'))
    rmSync(join(root, 'dataset/evaluation.json'))
    await expect(repository.pinEvaluation()).rejects.toMatchObject({
      code: 'template-invalid',
      message: expect.stringMatching(/ask\.txt.*line 2.*customer|customer.*ask\.txt.*line 2/s),
    })
  })
})

describe('the evaluation set', () => {
  it('is pinned once; a pinned item that was edited or deleted is named', async () => {
    const [edited, deleted] = await pinnedIds()
    await expect(repository.pinEvaluation()).rejects.toMatchObject({ code: 'release-conflict' })
    await changeSamples(root, (sample) => {
      if (sample.id === deleted) return undefined
      return sample.id === edited ? { ...sample, text: `Well, ${sample.text}` } : sample
    })
    expect([...(await repository.evaluationStatus()).changed].sort()).toEqual([edited, deleted].sort())
    const { code, message } = await refusal()
    expect(code).toBe('dataset-changed')
    expect(message).toContain(edited)
    expect(message).toContain(deleted)
  })

  it('takes what a person adds, and the new content of an item that was edited', async () => {
    const pinned = new Set(await pinnedIds())
    const extra = Array.from({ length: 50 }, (_, index) => `login-${String(index + 1).padStart(2, '0')}`).find(
      (id) => !pinned.has(id),
    )!
    const before = await repository.evaluationStatus()
    await repository.addToEvaluation([extra])
    expect(await repository.evaluationStatus()).toMatchObject({
      pinned: before.pinned + 1,
      training: before.training - 1,
    })
    await expect(repository.addToEvaluation(['nobody'])).rejects.toMatchObject({ code: 'not-found' })
  })

  it('of a share that picks none, or all, is refused', async () => {
    rmSync(join(root, 'dataset/evaluation.json'))
    for (const share of [0, 1, -0.1, Number.NaN, 0.000001])
      await expect(repository.pinEvaluation({ share })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(repository.evaluationSet()).rejects.toMatchObject({ code: 'not-found' })
  })

  it('that is too small for the margin says so at once', async () => {
    rmSync(join(root, 'dataset/evaluation.json'))
    const { warnings } = await repository.pinEvaluation({ share: 0.1 })
    expect(warnings[0]).toMatch(/cannot certify a margin of 5 points.*at least 59 are needed/)
  })

  it.each(['{}', '[]', '{', 'null', '{"formatVersion":9,"items":[]}'])(
    'whose file is %s is an error of ours',
    async (text) => {
      write(root, 'dataset/evaluation.json', text)
      expect((await refusal()).code).toMatch(/^(dataset-invalid|invalid-config|artifact-corrupt)$/)
    },
  )
})

itInFull('the released model answers, loaded through the repository', async () => {
  await run()
  await using model = await repository.loadModel()
  const [answer] = await model.predict(['my invoice was charged twice'])
  expect(answer).toMatchObject({ kind: 'label', label: 'billing' })
  await expect(repository.loadModel({ version: '9.9.9' })).rejects.toMatchObject({ code: 'not-found' })
})
