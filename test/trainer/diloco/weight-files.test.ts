import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { memoryStore } from '../../../src/store/memory/index.js'
import { outerStep } from '../../../src/trainer/tfjs/diloco/outer-step.js'
import { getValues, putValues } from '../../../src/trainer/tfjs/diloco/weight-files.js'

it('int8 keeps moving averages as they are, so that no variance becomes negative', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-diloco-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const place = { store: memoryStore(), folder, training: 'one' }
  const change = { variance: Float32Array.of(-190.5, 0.99), kernel: Float32Array.of(-190.5, 0.99) }
  const digest = await putValues(place, change, callContext(), { compression: 'int8', exact: ['variance'] })
  const read = await getValues(place, digest, callContext())
  expect(read['variance']).toEqual(change.variance)
  expect(read['kernel']).not.toEqual(change.kernel)
  const weights = { variance: Float32Array.of(1, 1) }
  const settings = { replicas: 1, followed: new Set(['variance']), outerLearningRate: 1, outerMomentum: 0.5 }
  outerStep({ weights, momentum: { variance: new Float32Array(2) } }, { variance: read['variance']! }, settings)
  expect(weights.variance[1]).toBeCloseTo(0.01)
})
