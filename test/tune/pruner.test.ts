import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/store/memory/index.js'
import { asha, float, randomSampler, type Trial, type TuneEvent, tpeSampler, tune } from '../../src/tune/index.js'
import { type LineOptions, lineDataset, lineTrainer, space, squaredError } from './line-trainer.js'

const base = (line: LineOptions = {}) => ({
  space,
  trainer: lineTrainer(line),
  dataset: lineDataset(),
  metric: squaredError,
  store: memoryStore(),
  trials: 30,
  pruner: asha({ resource: 'epochs', min: 1, max: 9 }),
})

const plain = (trials: readonly Trial<unknown>[]) => trials.map(({ runId: _, ...trial }) => trial)

describe('ASHA', () => {
  it.each([
    [{ min: 1, max: 9 }, [1, 3, 9]],
    [{ min: 1, max: 10 }, [1, 3, 10]],
    [{ min: 1, max: 8 }, [1, 3, 8]],
    [{ min: 1, max: 3 }, [1, 3]],
    [{ min: 1, max: 4, reduction: 2 }, [1, 2, 4]],
    [{ min: 2, max: 100 }, [4, 11, 33, 100]],
    [{ min: 2, max: 4, reduction: 2 }, [2, 4]],
    [{ min: 0.1, max: 0.9 }, [0.1, 0.3, 0.9]],
    [{ min: 0.1, max: 0.3 }, [0.1, 0.3]],
    [{ min: 1, max: 64, reduction: 4 }, [1, 4, 16, 64]],
  ])('with %j trains on the rungs %j', (options, rungs) =>
    expect(asha({ resource: 'epochs', ...options }).rungs).toEqual(rungs),
  )

  it('continues with one in `reduction`, also of equal losses', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 2, max: 5 }),
        (losses, reduction) => {
          const { continues } = asha({ resource: 'epochs', min: 1, max: 9, reduction })
          const decided: { readonly loss: number; readonly continued: boolean }[] = []
          for (const loss of losses) {
            const continued = continues({ rung: 0, loss, others: decided })
            decided.push({ loss, continued })
            const places = Math.max(1, Math.floor(decided.length / reduction))
            // Never an equally good one more than there are places, and never one behind as many better ones.
            const better = decided.filter((other) => other.loss < loss).length
            const equal = decided.filter((other) => other.loss === loss && other.continued).length
            if (continued) expect(better + equal).toBeLessThanOrEqual(places)
            else expect(better + equal).toBeGreaterThanOrEqual(places)
          }
          // The best so far always continues.
          const firsts = decided.filter(({ loss }, index) =>
            decided.slice(0, index).every((other) => other.loss > loss),
          )
          expect(firsts.every(({ continued }) => continued)).toBe(true)
        },
      ),
    ))

  it('continues with a third of trials that are all equal', () => {
    const { continues } = asha({ resource: 'epochs', min: 1, max: 9 })
    const decided: { readonly loss: number; readonly continued: boolean }[] = []
    while (decided.length < 30) decided.push({ loss: 1, continued: continues({ rung: 0, loss: 1, others: decided }) })
    expect(decided.filter(({ continued }) => continued)).toHaveLength(10)
  })

  it.each([
    [{ min: 0 }, /"min" is 0/],
    [{ min: Number.NaN }, /"min" is NaN/],
    [{ max: 2 }, /"max" is 2, which is less than 3 times "min", 1/],
    [{ max: Number.POSITIVE_INFINITY }, /"max" is Infinity/],
    [{ reduction: 1 }, /"reduction" is 1/],
    [{ reduction: 2.5 }, /"reduction" is 2.5/],
    [{ resource: '' }, /"resource" is not a name/],
  ])('refuses %j', (change, message) =>
    expect(() => asha({ resource: 'epochs', min: 1, max: 9, ...change })).toThrow(
      expect.objectContaining({ code: 'invalid-options', message: expect.stringMatching(message) }),
    ),
  )
})

describe('a search with a pruner', () => {
  it('trains poor trials less, and finds the best of all', async () => {
    let epochs = 0
    const onFit = (line: { epochs?: number | undefined }) => {
      epochs += line.epochs!
    }
    const options = { ...base({ onFit }), trials: 40, sampler: randomSampler() }
    const { best, trials, estimate } = await tune(options)
    const inFull = await tune({ ...options, trainer: lineTrainer(), store: memoryStore(), pruner: undefined })
    expect(plain([best])).toEqual(plain([{ ...inFull.best, parameters: { ...inFull.best.parameters, epochs: 9 } }]))
    // Without a pruner, 40 × 9.
    expect(epochs).toBeLessThan((40 * 9) / 2)
    const scored = trials.filter(({ state }) => state === 'scored')
    expect(scored.every(({ parameters }) => parameters.epochs === 9)).toBe(true)
    const pruned = trials.filter(({ state }) => state === 'pruned')
    expect(scored.length + pruned.length).toBe(40)
    expect(pruned.every(({ parameters }) => parameters.epochs < 9)).toBe(true)
    // No better value of a short training is the best.
    expect(best.value).toBe(Math.min(...scored.map((trial) => (trial.state === 'scored' ? trial.value : 0))))
    expect(estimate!.trials).toBe(scored.length)
  })

  it('gives the same trials for every concurrency and speed, and after an interruption', async () => {
    const options = () => ({ ...base(), trials: 16, parallel: 4, sampler: tpeSampler({ startup: 5 }) })
    const { trials } = await tune({ ...options(), concurrency: 1 })
    const uneven = { onFit: ({ slope }: { slope: number }) => (slope > 0 ? new Promise((go) => setTimeout(go, 3)) : 0) }
    expect(plain((await tune({ ...options(), trainer: lineTrainer(uneven) })).trials)).toEqual(plain(trials))
    // At every seventh training.
    let calls = 0
    const onFit = () => {
      calls += 1
      if (calls % 7 === 0) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    }
    const failing = { ...options(), trainer: lineTrainer({ onFit }) }
    const attempts = []
    while (attempts.length < 20) {
      const result = await tune(failing).catch(() => undefined)
      attempts.push(result)
      if (result !== undefined) break
    }
    expect(attempts.length).toBeGreaterThan(2)
    expect(plain(attempts.at(-1)!.trials)).toEqual(plain(trials))
  })

  it('says what it decides at each rung', async () => {
    const events: TuneEvent[] = []
    const { trials } = await tune({
      ...base(),
      trials: 6,
      sampler: randomSampler(),
      onEvent: (e) => void events.push(e),
    })
    const rungs = events.filter((event) => event.type === 'trial-rung')
    // The first trial has nothing to be compared with.
    expect(rungs.slice(0, 2)).toEqual([
      { type: 'trial-rung', number: 0, resource: 1, value: expect.any(Number), continues: true },
      { type: 'trial-rung', number: 0, resource: 3, value: expect.any(Number), continues: true },
    ])
    const ended = rungs.filter((event) => !event.continues)
    expect(ended.map(({ number }) => number)).toEqual(
      trials.filter(({ state }) => state === 'pruned').map(({ number }) => number),
    )
  })

  it('continues a study, and refuses it with another pruner or trainer', async () => {
    const onFit = vi.fn()
    const options = base({ onFit })
    const first = await tune({ ...options, trials: 10 })
    const calls = onFit.mock.calls.length
    expect((await tune({ ...options, trials: 10 })).trials).toEqual(first.trials)
    expect(onFit).toHaveBeenCalledTimes(calls)
    const none = tune({ ...options, pruner: undefined })
    await expect(none).rejects.toThrow(/its pruner changed/)
    const other = tune({ ...options, pruner: asha({ resource: 'epochs', min: 3, max: 9 }) })
    await expect(other).rejects.toThrow(/its pruner changed/)
    await expect(tune({ ...options, trainer: lineTrainer({ version: '2' }) })).rejects.toThrow(
      /the trainer of trial 0 changed/,
    )
  })

  it('refuses a resource that is a parameter of the space, and rungs that do not ascend', async () => {
    const shadowed = { ...space, epochs: float(1, 9) }
    await expect(tune({ ...base(), space: shadowed })).rejects.toThrow(/"epochs" is a parameter of the space/)
    for (const rungs of [[], [3, 1], [1, 1], [Number.NaN], [1, Number.POSITIVE_INFINITY]])
      await expect(tune({ ...base(), pruner: { ...base().pruner, rungs } })).rejects.toThrow(
        /are not finite numbers that ascend/,
      )
  })

  it('takes the result of an equal trial that was ended, and trains nothing', async () => {
    const onFit = vi.fn()
    const coarse = { slope: float(-4, 4, { step: 4 }), bias: float(-4, 4, { step: 4 }) }
    const options = { ...base({ onFit }), space: coarse, sampler: randomSampler() }
    const { trials } = await tune(options)
    const copies = trials.filter(({ duplicateOf }) => duplicateOf !== undefined)
    expect(copies.some(({ state }) => state === 'pruned')).toBe(true)
    for (const { number: _, duplicateOf, ...copy } of copies) {
      const { number: __, runId: ___, ...original } = trials[duplicateOf!]!
      expect(copy).toEqual(original)
    }
  })

  it('ends a trial that fails at a later rung, and continues the search', async () => {
    const onFit = ({ slope, epochs }: { slope: number; epochs?: number | undefined }) => {
      if (epochs === 3 && slope > 0) throw new Error('out of luck')
    }
    const options = base({ onFit })
    const { trials } = await tune({ ...options, trials: 40 })
    const failed = trials.filter(({ state }) => state === 'failed')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed.every(({ parameters }) => parameters.slope > 0)).toBe(true)
    expect(failed.every(({ parameters }) => parameters.epochs === 3)).toBe(true)
    // The study continues, also with a trainer that another length of training makes another one.
    expect((await tune({ ...options, trials: 45 })).trials.slice(0, 40)).toEqual(trials)
  })

  it('counts a trial that failed later among those that continued', async () => {
    const others: unknown[] = []
    const pruner = {
      ...base().pruner,
      continues(request: Parameters<ReturnType<typeof asha>['continues']>[0]) {
        if (request.rung === 0) others.push(request.others.map(({ continued }) => continued))
        return true
      },
    }
    const onFit = ({ epochs }: { epochs?: number | undefined }) => {
      if (epochs === 3) throw new Error('out of luck')
    }
    const searching = tune({ ...base({ onFit }), pruner, trials: 3 })
    await expect(searching).rejects.toThrow(/no trial of 3 was trained in full, and trial 0 failed: .*out of luck/)
    expect(others).toEqual([[], [true], [true, true]])
    const none = tune({ ...base(), trials: 3, pruner: { ...pruner, continues: () => false } })
    await expect(none).rejects.toThrow(/the pruner "asha" ended all 3 trials/)
  })
})
