import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Digest } from '../../src/core/index.js'
import { readSafetensors, writeSafetensors } from '../../src/model/index.js'
import type { RunEvent, Stage } from '../../src/pipeline/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { listOf } from '../list-of.js'
import { poison, samples, world } from './harness.js'

const stage = (parts: Partial<Stage> & Pick<Stage, 'name' | 'reads' | 'run'>): Stage => ({
  contract: 1,
  version: '1',
  describe: () => null,
  ...parts,
})

describe('host stages', () => {
  it('run as soon as what they read exists, and see only that', async () => {
    const { pipeline } = world()
    const order: string[] = []
    const watch = (name: string, ...reads: string[]) =>
      stage({
        name,
        reads,
        async run(input) {
          order.push(name)
          expect(Object.keys(input).sort()).toEqual(['custom', ...reads].sort())
        },
      })
    const p = pipeline(samples, {
      stages: [watch('last', 'release'), watch('first', 'dataset'), watch('middle', 'candidate', 'evaluations')],
    })
    p.on('stage-start', ({ stage: name }) => order.push(`>${name}`))
    await p.run()
    expect(order.filter((name) => !name.startsWith('>'))).toEqual(['first', 'middle', 'last'])
    expect(order.indexOf('first')).toBeLessThan(order.indexOf('>train'))
    expect(order.indexOf('middle')).toBeLessThan(order.indexOf('>gate'))
  })

  it('that write are cached; one without a version is not', async () => {
    const { pipeline } = world()
    let ran = 0
    const counting = (version: string | undefined) =>
      stage({
        name: 'count',
        version,
        reads: ['dataset'],
        writes: 'counts',
        run: async ({ dataset }) => ({ value: { rows: dataset!.training.size, ran: ++ran } }),
      })
    await pipeline(samples, { stages: [counting('1')] }).run()
    await pipeline(samples, { stages: [counting('1')], seed: 1 }).run()
    expect(ran).toBe(1)
    await pipeline(samples, { stages: [counting(undefined)], seed: 2 }).run()
    await pipeline(samples, { stages: [counting(undefined)], seed: 2 }).run()
    expect(ran).toBe(3)
  })

  it('are run again where what is kept under their key is of other inputs', async () => {
    const { pipeline, store } = world()
    let ran = 0
    const stages = [
      stage({ name: 'count', reads: ['dataset'], writes: 'counts', run: async () => ({ value: { ran: ++ran } }) }),
    ]
    await pipeline(samples, { stages }).run()
    // A stored record under the right key that says something else.
    const keys = {
      ...store.keys,
      get: async (key: Digest) => {
        const kept = await store.keys.get(key)
        const isStage = kept !== undefined && (kept.parts as { readonly kind?: string }).kind === 'stage'
        return isStage ? { ...kept, parts: { kind: 'stage', inputs: 'of something else' } } : kept
      },
    }
    await pipeline(samples, { stages, seed: 1, store: { ...store, keys } }).run()
    expect(ran).toBe(2)
  })

  it('can put other weights in the place of the candidate', async () => {
    const { pipeline } = world()
    const halve = stage({
      name: 'annotate',
      reads: ['candidate'],
      writes: 'candidate',
      async run({ candidate }, context) {
        const { tensors } = await readSafetensors(join(candidate!.files, 'model.safetensors'), context)
        await writeSafetensors(
          join(context.directory, 'model.safetensors'),
          tensors,
          { metadata: { format: 'pt', annotated: 'yes' } },
          context,
        )
        await writeFile(
          join(context.directory, 'config.json'),
          JSON.stringify({ architecture: 'first-word', labels: ['fruit', 'vehicle'], words: {}, otherwise: 'fruit' }),
        )
        return { value: null, files: context.directory }
      },
    })
    const plain = await world().pipeline().run()
    const changed = await pipeline(samples, { stages: [halve] }).run()
    expect(changed).toMatchObject({ status: 'released' })
    expect('release' in plain && 'release' in changed && plain.release.bundle !== changed.release.bundle).toBe(true)
    expect('release' in changed && changed.release.record.metrics?.accuracy).toBeLessThan(0.7)
  })

  it('that throw end the run, named', async () => {
    const { pipeline } = world()
    const failing = stage({ name: 'refuse', reads: ['dataset'], run: async () => Promise.reject(new TypeError('no')) })
    await expect(pipeline(samples, { stages: [failing] }).run()).rejects.toMatchObject({
      code: 'stage-failed',
      facts: { stage: 'refuse' },
      cause: new TypeError('no'),
    })
    expect(await pipeline().run()).toMatchObject({ status: 'released' })
  })

  it.each([
    [{ reads: ['nothing'] }],
    [{ reads: [], writes: 'verdict' }],
    [{ reads: ['verdict', 'candidate'], writes: 'candidate' }],
    [{ reads: [], writes: 'candidate' }],
    [{ reads: [], writes: 'Upper Case' }],
    [{ name: 'train', reads: [] }],
    [{ reads: ['self'], writes: 'self' }],
  ])('are refused where they could never work: %j', (parts) => {
    const { pipeline } = world()
    expect(() => pipeline(samples, { stages: [stage({ name: 'a', run: async () => {}, ...parts })] })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
  })

  it.each([
    ['a circle', ['left', 'right'], 'left', 'input depends on its own output'],
    ['a judged candidate', ['candidate', 'scores'], 'candidate', 'after the gate judged it'],
  ])('are refused where another stage comes between: %s', (_, reads, writes, message) => {
    const run = async () => ({ value: null })
    const stages = [
      stage({ name: 'first', reads, writes, run }),
      stage({ name: 'score', reads: ['evaluations'], writes: 'scores', run }),
      stage({
        name: 'last',
        reads: ['left', 'scores'].filter((name) => name === writes || name === 'scores'),
        writes: 'right',
        run,
      }),
    ]
    const used = writes === 'candidate' ? stages.slice(0, 2) : stages
    expect(() => world().pipeline(samples, { stages: used })).toThrow(message)
  })
})

describe('events', () => {
  it('are the same to listeners, to iterators and to the record, in order', async () => {
    const { pipeline, store } = world()
    const p = pipeline()
    const heard: RunEvent[] = []
    for (const type of [
      'run-start',
      'stage-start',
      'stage-end',
      'dataset-ready',
      'train-progress',
      'evaluate-progress',
      'gate-verdict',
      'release-prepared',
      'release-published',
      'channel-pointed',
      'run-end',
    ] as const)
      p.on(type, (event) => heard.push(event))
    const run = await p.start()
    const iterated: RunEvent[] = []
    for await (const event of run) iterated.push(event)
    await run.result()
    expect(iterated.map(({ sequence }) => sequence)).toEqual(iterated.map((_, index) => index))
    expect(heard).toEqual(iterated)
    expect(await listOf(store.runs.events(run.id))).toEqual(iterated)
    expect(JSON.parse(JSON.stringify(iterated))).toEqual(iterated)
    const evaluated = iterated.filter(({ type }) => type === 'evaluate-progress')
    const items = heard.flatMap((event) => (event.type === 'dataset-ready' ? [event.summary.counts.evaluation] : []))[0]
    expect(evaluated.at(-1)).toMatchObject({ model: 'candidate', done: items, items })
    expect(iterated.at(-1)).toMatchObject({ type: 'run-end', status: 'released', version: '0.1.0' })
  })

  it('survive a listener that throws', async () => {
    const warnings: string[] = []
    const { pipeline } = world()
    const p = pipeline(samples, { log: { debug() {}, info() {}, warn: (message) => warnings.push(message) } })
    p.on('stage-start', () => {
      throw new Error('a bad listener')
    })
    expect(await p.run()).toMatchObject({ status: 'released' })
    expect(warnings.join()).toContain('a bad listener')
  })

  it('hide secrets', async () => {
    const { pipeline, store } = world()
    const leaking = pipeline(samples, {
      secrets: ['opensesame'],
      trainer: fakeTrainer({ fitError: new Error('token opensesame refused') }),
    })
    const run = await leaking.start()
    await run.result().catch(() => {})
    expect(JSON.stringify([await listOf(store.runs.events(run.id)), await store.runs.read(run.id)])).not.toContain(
      'opensesame',
    )
  })
})

describe('abort', () => {
  it('rejects with the reason, untouched, and the next run goes on', async () => {
    const { pipeline } = world()
    const reason = { why: 'lunch' }
    const controller = new AbortController()
    const p = pipeline()
    p.on('stage-start', ({ stage: name }) => name === 'evaluate' && controller.abort(reason))
    await expect(p.run({ signal: controller.signal })).rejects.toBe(reason)
    const [record] = await p.runs()
    expect(record).toMatchObject({ status: 'aborted' })
    expect(await pipeline().run()).toMatchObject({ status: 'released' })
  })

  it('before the start takes no lock', async () => {
    const { pipeline } = world()
    await expect(pipeline().run({ signal: AbortSignal.abort('early') })).rejects.toBe('early')
    expect(await pipeline().run()).toMatchObject({ status: 'released' })
  })
})

describe('one writer', () => {
  it('a second run at once is refused, and the first goes on', async () => {
    const { pipeline } = world()
    await using first = await pipeline().start()
    await expect(pipeline().run()).rejects.toMatchObject({ code: 'locked' })
    expect(await first.result()).toMatchObject({ status: 'released' })
  })
})

describe('dirty', () => {
  const provenance = async () => ({ commit: 'a', dirtyPaths: ['dataset/samples/a.json'] })

  it('is refused, naming the files', async () => {
    const { pipeline } = world()
    await expect(pipeline(samples, { provenance }).run()).rejects.toMatchObject({
      code: 'repository-dirty',
      facts: { paths: ['dataset/samples/a.json'] },
    })
  })

  it('rejects with what the provenance failed on, however long the registry takes', async () => {
    const { pipeline, releaser } = world()
    const slow: typeof releaser = {
      ...releaser,
      async *pending(context) {
        // Long enough for Node to report a rejection that nobody handles.
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield* releaser.pending(context)
      },
    }
    const unreadable = () => Promise.reject(new Error('the index is damaged'))
    const p = pipeline(samples, { releaser: slow, provenance: unreadable })
    await expect(p.run()).rejects.toThrow('the index is damaged')
  })

  it('is released where it is allowed, and no channel is pointed', async () => {
    const { pipeline } = world()
    const p = pipeline(samples, { provenance })
    expect(await p.run({ allowDirty: true })).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    expect(await p.current()).toBeUndefined()
  })
})

describe('plan', () => {
  it('says what would happen, and writes nothing', async () => {
    const { pipeline, store } = world()
    expect(await pipeline().plan()).toMatchObject({ outcome: 'judge' })
    expect(await store.runs.list()).toEqual([])
    expect(await store.documents.read('dataset')).toBeUndefined()
    await pipeline(poison('apple')).run()
    expect(await pipeline(poison('apple')).plan()).toMatchObject({ outcome: 'up-to-date', version: '0.1.0' })
    await pipeline().run()
    expect(await pipeline(poison('apple')).plan()).toMatchObject({ outcome: 'restore', version: '0.1.0' })
    await pipeline().rollback({ by: 'Ada', reason: 'a' })
    expect(await pipeline().plan()).toMatchObject({ outcome: 'held-withdrawn', version: '0.1.1' })
  })

  it('names the first thing that differs', async () => {
    const { pipeline } = world()
    await pipeline().run()
    expect(await pipeline(samples, { trainer: fakeTrainer({ setting: 3 }) }).why('train')).toMatchObject({
      action: 'run',
      difference: { path: 'trainer.describe.setting', before: null, after: 3 },
    })
    await expect(pipeline().why('lunch')).rejects.toMatchObject({ code: 'invalid-options' })
  })
})

describe('options', () => {
  it.each([{ seed: 0.5 }, { channel: '../up' }])('refuses %j', (changes) => {
    const { pipeline } = world()
    expect(() => pipeline(samples, changes)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})
