import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'

it('a device that is opened listens for no error of the process: those are the host’s', async () => {
  const listeners = () =>
    ['uncaughtException', 'unhandledRejection'].map((event) => process.listeners(event as 'uncaughtException'))
  const before = listeners()
  const hosts = () => {}
  const opening = openDevice('wasm', callContext())
  process.on('uncaughtException', hosts)
  await opening
  try {
    expect(listeners()).toEqual([[...before[0]!, hosts], before[1]])
  } finally {
    process.removeListener('uncaughtException', hosts)
  }
})

it('a host that works on tfjs’s own wasm backend gets its own results, and so do we', async () => {
  const { tf, use } = await openDevice('wasm', callContext())
  const product = (size: number) =>
    tf.tidy(() => {
      const matrix = tf.reshape(tf.range(0, size * size), [size, size])
      return [
        ...tf.add(tf.matMul(matrix as never, matrix as never), tf.relu(tf.neg(matrix))).dataSync(),
        tf.sum(matrix).dataSync()[0],
      ]
    })
  await openDevice('js', callContext())
  await tf.setBackend('sheikh-js')
  // Of integers: the same on every backend.
  const wanted = product(7)
  const theirs = async (backend: string) => {
    await tf.setBackend(backend)
    expect(tf.getBackend()).toBe(backend)
    expect(product(7)).toEqual(wanted)
  }
  const ours = () => expect(use(() => product(7))).toEqual(wanted)
  // Memory of the two is laid out differently, so that one's function on the other's memory gives other numbers.
  const kept = use(() => tf.ones([1000]))
  for (const backend of ['wasm', 'sheikh-js', 'wasm', 'wasm', 'sheikh-js', 'sheikh-js', 'wasm']) {
    ours()
    await theirs(backend)
    ours()
    ours()
    expect(tf.getBackend()).toBe(backend)
    expect(product(7)).toEqual(wanted)
  }
  kept.dispose()
})

it('a host on the backend that ours is a copy of pays for no set-up where kernels have none of their own', async () => {
  const { tf, use } = await openDevice('js', callContext())
  await tf.setBackend('cpu')
  let setUps = 0
  tf.registerKernel({
    ...{ kernelName: 'Counted', backendName: 'cpu' },
    setupFunc: () => {
      setUps += 1
    },
    kernelFunc: () => [],
  })
  try {
    expect(use(() => tf.tidy(() => tf.add(1, 2).dataSync()[0]))).toBe(3)
    expect(tf.getBackend()).toBe('cpu')
    expect(setUps).toBe(0)
    await tf.setBackend('cpu')
    expect(setUps).toBe(1)
  } finally {
    tf.unregisterKernel('Counted', 'cpu')
  }
})
