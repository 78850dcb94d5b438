// The rules where they meet: several keys for one bundle, keys of stages, aborts, secrets and failures in odd places.
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, SheikhError } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { storeLedger } from '../../src/gate/index.js'
import type { RunEvent, Stage } from '../../src/pipeline/index.js'
import { bestRelease } from '../../src/pipeline/lookup.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { gate, poison, samples, world } from './harness.js'

const stage = (parts: Partial<Stage> & Pick<Stage, 'name' | 'reads' | 'run'>): Stage => ({
  contract: 1,
  version: '1',
  describe: () => null,
  ...parts,
})
/** Another configuration that leads to the same bundle. */
const other = { trainer: fakeTrainer({ setting: 2 }) }

describe('a bundle that two source keys led to', () => {
  /** 0.1.0 of both keys, 0.1.1 another model, 0.1.2 the first again. */
  async function restored() {
    const there = world()
    await there.pipeline(poison('apple')).run()
    expect(await there.pipeline(poison('apple'), other).run()).toMatchObject({ status: 'up-to-date' })
    await there.pipeline().run()
    expect(await there.pipeline(poison('apple')).run()).toMatchObject({ status: 'restored' })
    return there
  }

  it('is up to date under either while it is current', async () => {
    const { pipeline } = await restored()
    expect(await pipeline(poison('apple'), other).plan()).toMatchObject({ outcome: 'up-to-date', version: '0.1.2' })
    expect(await pipeline(poison('apple'), other).run()).toMatchObject({
      status: 'up-to-date',
      release: { version: '0.1.2' },
    })
  })

  it('is withdrawn under either once it was rolled back from', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    for (const changes of [{}, other])
      expect(await pipeline(poison('apple'), changes).run()).toMatchObject({
        status: 'held',
        reason: 'withdrawn',
        release: { version: '0.1.2' },
      })
  })

  it('is up to date under either once a person went back to it by name', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    await pipeline().rollback({ by: 'Ada', to: '0.1.0', reason: 'it was not the model' })
    for (const changes of [{}, other])
      expect(await pipeline(poison('apple'), changes).run()).toMatchObject({
        status: 'up-to-date',
        release: { version: '0.1.4' },
      })
  })

  it('is not what a second rollback goes back to once it is withdrawn under a later version', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    await expect(pipeline().rollback({ by: 'Ada', reason: 'more complaints' })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it('is not the best once it is withdrawn under a later version', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    const history = (await pipeline().history()).map((release) => ({
      ...release,
      record: { ...release.record, metrics: { accuracy: release.version === '0.1.0' ? 1 : 0.5 } },
    }))
    expect(bestRelease(history, gate(), undefined)?.version).not.toBe('0.1.0')
  })
})

describe('the key of a host stage', () => {
  it('knows where the line between training and evaluation is', async () => {
    const { pipeline } = world()
    const seen: number[] = []
    const count = stage({
      name: 'count',
      reads: ['dataset'],
      writes: 'counts',
      run: async ({ dataset }) => ({ value: seen.push(dataset!.evaluation.size) }),
    })
    await pipeline(samples, { stages: [count] }).run()
    const identities = await new Dataset({
      source: memorySamples(samples),
      input: 'text',
      target: 'label',
    }).identities()
    const smaller = pinnedSet(proposePinnedSet(identities, { salt: 'pipeline', share: 0.4 }))
    const dataset = new Dataset({ source: memorySamples(samples), input: 'text', target: 'label', evaluation: smaller })
    await pipeline(samples, { stages: [count], dataset, seed: 1 }).run()
    expect(new Set(seen).size).toBe(2)
  })

  it('knows what the candidate was compared with', async () => {
    const { pipeline } = world()
    const seen: (string | undefined)[] = []
    const compare = stage({
      name: 'compare',
      reads: ['evaluations'],
      writes: 'comparison',
      run: async ({ evaluations }) => ({ value: seen.push(evaluations!.value.baseline?.version) }),
    })
    const judged = () => pipeline(poison('apple', 'pear'), { stages: [compare] }).run()
    await pipeline(poison('apple')).run()
    expect(await judged()).toMatchObject({ status: 'held', reason: 'fail' })
    await pipeline().run()
    expect(await judged()).toMatchObject({ status: 'held', reason: 'fail' })
    await judged()
    expect(seen).toEqual(['0.1.0', '0.1.1'])
  })

  it('knows how the candidate was made', async () => {
    const { pipeline } = world()
    const seen: number[] = []
    const card = stage({
      name: 'card',
      reads: ['candidate'],
      writes: 'card',
      run: async ({ candidate }) => ({ value: seen.push(candidate!.value.seed) }),
    })
    await pipeline(samples, { stages: [card] }).run()
    await pipeline(samples, { stages: [card], seed: 1 }).run()
    expect(seen.length).toBe(2)
  })

  it('has no artifact that only sounds like one of the pipeline', async () => {
    const { pipeline } = world()
    const write = stage({ name: 'a', reads: [], writes: 'constructor', run: async () => ({ value: 'kept' }) })
    let read: unknown
    const look = stage({
      name: 'b',
      reads: ['constructor', 'dataset'],
      async run({ custom }) {
        read = custom.constructor
      },
    })
    await pipeline(samples, { stages: [write, look] }).run()
    expect(read).toEqual({ value: 'kept' })
  })
})

describe('the source key', () => {
  it('goes by what is in a further file, whatever its digest is said to be', async () => {
    const { pipeline } = world()
    const payload = (content: string) => async () => [{ path: 'prompts/a.txt', content, digest: digestBytes('stale') }]
    const runs = async (content: string) => pipeline(samples, { payload: payload(content) }).run()
    const attempts = [await runs('one').catch((error) => error), await runs('two').catch((error) => error)]
    expect(attempts.map(({ status, code }) => status ?? code)).not.toContain('up-to-date')
  })
})

describe('an abort', () => {
  it('rejects with the reason also where the trainer rejects with an error of its own', async () => {
    const { pipeline } = world()
    const controller = new AbortController()
    const reason = { why: 'lunch' }
    const fit = async () => {
      controller.abort(reason)
      throw new Error('the program was stopped')
    }
    const run = pipeline(samples, { trainer: { ...fakeTrainer(), fit } }).run({ signal: controller.signal })
    await expect(run).rejects.toBe(reason)
  })
})

describe('a listener', () => {
  it('that rejects is logged as one that throws is', async () => {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => warnings.push(message) }
    const { pipeline } = world()
    const p = pipeline(samples, { log, secrets: ['opensesame'] })
    p.on('run-start', async () => {
      throw new Error('a bad listener, opensesame')
    })
    expect(await p.run()).toMatchObject({ status: 'released' })
    expect(warnings.join()).toContain('a bad listener')
    expect(warnings.join()).not.toContain('opensesame')
  })
})

describe('the end of a run', () => {
  it.each(['append', 'write'] as const)('is said once, also where runs.%s fails at last', async (method) => {
    const { pipeline, store } = world()
    let failing = false
    const work = { append: store.runs.append.bind(store.runs), write: store.runs.write.bind(store.runs) }
    const broken = async (id: string, value: never) => {
      failing ||= method === 'append' || (value as { status?: string }).status === 'released'
      if (failing) throw new SheikhError('storage-failed', 'The disk is full. Make room.')
      await work[method](id, value)
    }
    const { list, read, events } = store.runs
    const runs = { list, read, events, ...work, [method]: broken }
    const run = await pipeline(samples, { store: { ...store, runs } as never }).start()
    const ends: RunEvent[] = []
    for await (const event of run) if (event.type === 'run-end') ends.push(event)
    await expect(run.result()).rejects.toMatchObject({ code: 'storage-failed' })
    expect(ends).toMatchObject([{ status: 'failed' }])
  })
})

describe('infrastructure', () => {
  it('that fails while the baseline is opened is no answer of the gate', async () => {
    const { pipeline, releaser } = world()
    await pipeline(poison('apple')).run()
    const open = async () => Promise.reject(new SheikhError('storage-failed', 'The disk is full.', { retryable: true }))
    // A release that keeps no scores, so that its model is asked.
    const current = async (...asked: Parameters<typeof releaser.current>) => {
      const release = (await releaser.current(...asked))!
      return { ...release, record: { ...release.record, answers: undefined } }
    }
    await expect(pipeline(samples, { releaser: { ...releaser, current, open } }).run()).rejects.toMatchObject({
      code: 'storage-failed',
    })
    expect(await pipeline().run()).toMatchObject({ status: 'released' })
  })
})

describe('what was promised by a release', () => {
  it('is done by a run that is refused for changes that are not committed, too', async () => {
    const { pipeline, releaser } = world()
    const point = async () => Promise.reject(new Error('the line is dead'))
    await expect(pipeline(samples, { releaser: { ...releaser, point } }).run()).rejects.toThrow('the line is dead')
    const provenance = async () => ({ commit: 'a', dirtyPaths: ['dataset/samples/a.json'] })
    await expect(pipeline(samples, { provenance }).run()).rejects.toMatchObject({ code: 'repository-dirty' })
    expect(await pipeline().current()).toMatchObject({ version: '0.1.0' })
  })

  it('is in the ledger, also where the first attempt was cut off between registry and ledger', async () => {
    const { pipeline, store } = world()
    await pipeline(poison('apple')).run()
    await pipeline().run()
    const ledger = storeLedger(store)
    const cut: typeof ledger = {
      ...ledger,
      append: async (event, context) =>
        event.type === 'withdrawal' ? Promise.reject(new Error('killed here')) : ledger.append(event, context),
    }
    await expect(pipeline(samples, { ledger: cut }).rollback({ by: 'Ada', reason: 'complaints' })).rejects.toThrow(
      'killed here',
    )
    await pipeline().run()
    await pipeline().run()
    const withdrawals = (await ledger.read(callContext())).filter(({ type }) => type === 'withdrawal')
    expect(withdrawals).toMatchObject([{ version: '0.1.1', reason: 'complaints' }])
  })
})

describe('secrets', () => {
  it('reach no registry, no ledger, no key and no log', async () => {
    const { pipeline, store, releaser } = world()
    const said: unknown[] = []
    const log = { debug() {}, info() {}, warn: (...words: unknown[]) => said.push(words) }
    const trainer = fakeTrainer()
    const leaking = {
      ...trainer,
      fit: async (...[request, context]: Parameters<typeof trainer.fit>) => {
        const { weights, record } = await trainer.fit(request, context)
        return { weights, record: { ...record, trainer: { ...record.trainer, describe: ['--token', 'opensesame'] } } }
      },
    }
    const checks = gate()
    const talking = {
      ...checks,
      decide: async (...[evidence, context]: Parameters<typeof checks.decide>) => {
        const verdict = await checks.decide(evidence, context)
        return { ...verdict, findings: verdict.findings.map((finding) => ({ ...finding, reason: 'opensesame' })) }
      },
    }
    const puts: unknown[] = []
    const keys = { ...store.keys, put: async (record: never) => void puts.push(record) }
    const p = (data = samples) =>
      pipeline(data, {
        secrets: ['opensesame'],
        trainer: leaking,
        gate: talking as never,
        log,
        store: { ...store, keys: { get: store.keys.get.bind(store.keys), put: keys.put } } as never,
      })
    expect(await p(poison('apple')).run()).toMatchObject({ status: 'released' })
    expect(await p().run()).toMatchObject({ status: 'released' })
    expect(await p().rollback({ by: 'Ada', reason: 'opensesame leaked' })).toMatchObject({ status: 'restored' })
    const history = []
    for await (const release of releaser.history(callContext())) history.push(release)
    expect(JSON.stringify(history)).not.toContain('opensesame')
    expect(JSON.stringify(await storeLedger(store).read(callContext()))).not.toContain('opensesame')
    expect(JSON.stringify(puts)).not.toContain('opensesame')
    expect(JSON.stringify(said)).not.toContain('opensesame')
  })

  it('are hidden without losing a name, be it __proto__', async () => {
    const data = samples.map((sample) => (sample.label === 'fruit' ? sample : { ...sample, label: '__proto__' }))
    const identities = await new Dataset({ source: memorySamples(data), input: 'text', target: 'label' }).identities()
    const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'pipeline', share: 0.5 }))
    const dataset = new Dataset({ source: memorySamples(data), input: 'text', target: 'label', evaluation })
    const { pipeline, store } = world()
    const result = await pipeline(data, { dataset }).run()
    const record = (await store.runs.read(result.runId)) as { dataset?: { labels?: { training: object } } }
    expect(Object.keys(record.dataset?.labels?.training ?? {})).toEqual(['__proto__', 'fruit'])
  })
})

describe('a plan', () => {
  it('says that a run would be refused, also where nothing that counts differs', async () => {
    const { pipeline } = world()
    await pipeline().run()
    const provenance = async () => ({ commit: 'a', dirtyPaths: ['dataset/samples/a.json'] })
    expect(await pipeline(samples, { provenance }).plan()).toMatchObject({ outcome: 'refused-dirty' })
  })
})
