import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, type Digest } from '../../../src/core/index.js'
import { type Tensor, writeSafetensors } from '../../../src/model/index.js'
import { memoryStore } from '../../../src/store/memory/index.js'
import { addGradient, noMomentum, outerStep } from '../../../src/trainer/tfjs/diloco/outer-step.js'
import { getValues, putValues } from '../../../src/trainer/tfjs/diloco/weight-files.js'

const context = callContext()
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-outer-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the outer optimizer', () => {
  it('is stochastic gradient descent with Nesterov momentum', () => {
    const weights = { a: Float32Array.of(1, 2) }
    const momentum = noMomentum(weights)
    // By hand: v = 0.5 v + g, w = w − 0.8 (g + 0.5 v), twice with g = 0.25.
    for (const expected of [1 - 0.8 * (0.25 + 0.125), 1 - 0.8 * (0.25 + 0.125) - 0.8 * (0.25 + 0.1875)]) {
      const sum = noMomentum(weights)
      addGradient(sum, { a: Float32Array.of(0.5, 0) })
      addGradient(sum, {})
      const settings = { outerLearningRate: 0.8, outerMomentum: 0.5, replicas: 2, followed: new Set<string>() }
      outerStep({ weights, momentum }, sum, settings)
      expect(weights.a[0]).toBeCloseTo(expected, 6)
      expect(weights.a[1]).toBe(2)
    }
  })

  it('averages what follows the data, so that a variance stays positive', () => {
    const weights = { variance: Float32Array.of(1) }
    const momentum = noMomentum(weights)
    const settings = { outerLearningRate: 1, outerMomentum: 0.9, replicas: 2 }
    outerStep(
      { weights, momentum },
      { variance: Float32Array.of(1.8) },
      { ...settings, followed: new Set(['variance']) },
    )
    expect(weights.variance[0]).toBeCloseTo(0.1, 6)
    const others = { variance: Float32Array.of(1) }
    outerStep(
      { weights: others, momentum: noMomentum(others) },
      { variance: Float32Array.of(1.8) },
      { ...settings, followed: new Set() },
    )
    expect(others.variance[0]).toBeLessThan(0)
  })
})

describe('values in the store', () => {
  const store = memoryStore()
  const place = () => ({ store, folder, training: 'a' })

  it('are the same after they were stored, or rounded to 255 levels', async () => {
    const values = {
      a: Float32Array.of(1, -0.5, 0.004, 0),
      tiny: Float32Array.of(1e-45, 0),
      '__proto__ /b': Float32Array.of(-3),
    }
    expect(await getValues(place(), await putValues(place(), values, context), context)).toEqual(values)
    const rounded = await getValues(
      place(),
      await putValues(place(), values, context, { compression: 'int8' }),
      context,
    )
    for (const [name, array] of Object.entries(values))
      for (const [index, value] of array.entries())
        expect(Math.abs(rounded[name]![index]! - value)).toBeLessThanOrEqual(
          Math.max(...array.map(Math.abs)) / 127 / 2 + 1e-7,
        )
  })

  it('differ in their bytes from those of another training', async () => {
    const values = { a: Float32Array.of(1) }
    expect(await putValues(place(), values, context)).not.toBe(
      await putValues({ ...place(), training: 'b' }, values, context),
    )
  })

  it('of other names or sizes are refused, and integers without a scale are not finite', async () => {
    const like = { a: new Float32Array(2) }
    for (const values of [{ b: new Float32Array(2) }, { a: new Float32Array(3) }, { toString: new Float32Array(2) }])
      await expect(getValues(place(), await putValues(place(), values, context), context, like)).rejects.toMatchObject({
        code: 'artifact-corrupt',
      })
    const withoutScale = await put([{ name: 'value/a', dtype: 'I8', shape: [2], data: Uint8Array.of(1, 2) }])
    expect(await getValues(place(), withoutScale, context, like)).toEqual({
      a: Float32Array.of(Number.NaN, Number.NaN),
    })
    const halves = await put([{ name: 'value/a', dtype: 'F16', shape: [2], data: new Uint8Array(4) }])
    await expect(getValues(place(), halves, context, like)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })

  async function put(tensors: readonly Tensor[]): Promise<Digest> {
    const directory = await mkdtemp(join(folder, 'values-'))
    await writeSafetensors(join(directory, 'values.safetensors'), tensors, {}, context)
    return store.objects.putDirectory(directory, context)
  }
})
