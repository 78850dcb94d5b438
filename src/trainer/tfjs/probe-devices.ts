import type { Tensor2D } from '@tensorflow/tfjs-core'
import { type CallContext, type Clock, messageOf } from '../../core/index.js'
import { type Device, type DeviceName, deviceNames, openDevice, valuesOf } from './devices.js'
import { listed } from './examples.js'
import { probeModel } from './probe-model.js'
import { textClassifier } from './text-classifier.js'
import type { TextExample } from './text-rows.js'
import { trainLoop } from './train-loop.js'

/** What a device did when it was asked to work. */
export interface DeviceReport {
  readonly name: DeviceName
  readonly ok: boolean
  /** Why not; absent where it works. */
  readonly reason?: string | undefined
  /** Of the packages and libraries that it runs on, by name. */
  readonly versions: Readonly<Record<string, string>>
  /** Of a product of two float32 matrices of 512 rows (`js`: 128), 2·n³ operations, measured here and now by the context's clock. */
  readonly gflops?: number | undefined
  /** A GPU in software, which `auto` passes over; absent for any other. */
  readonly isSoftware?: true | undefined
}

/**
 * Opens every device, and lets each do three things: a product whose answer is known, a larger one that is timed, a few
 * steps of training whose loss must fall. In the order that `auto` goes by; the speed decides nothing.
 *
 * Never throws for a device; it takes a second or two.
 */
export async function probeDevices(context: CallContext): Promise<readonly DeviceReport[]> {
  const reports: DeviceReport[] = []
  for (const name of deviceNames) {
    context.signal.throwIfAborted()
    reports.push(await probe(name, context))
  }
  return reports
}

async function probe(name: DeviceName, context: CallContext): Promise<DeviceReport> {
  let versions: Readonly<Record<string, string>> = {}
  try {
    const device = await openDevice(name, context)
    versions = device.packages
    const wrong = (await productFault(device)) ?? (await trainingFault(device, context))
    if (wrong !== undefined) return { name, ok: false, reason: wrong, versions }
    const gflops = await measureGflops(device, context.clock)
    return { name, ok: true, versions, gflops, ...(device.isSoftware && { isSoftware: true }) }
  } catch (error) {
    context.signal.throwIfAborted()
    return { name, ok: false, reason: messageOf(error), versions }
  }
}

/** Integers below 2²⁴: float32 holds each product and each sum exactly, in whatever order it is added. */
async function productFault({ tf, use }: Device): Promise<string | undefined> {
  const size = 24
  const [left, right] = [0, 1].map((part) =>
    Array.from({ length: size * size }, (_, index) => ((index * 7 + part * 5) % 13) - 6),
  ) as [number[], number[]]
  const product = use(() => tf.tidy(() => tf.matMul(tf.tensor2d(left, [size, size]), tf.tensor2d(right, [size, size]))))
  const found = await valuesOf(product)
  for (let row = 0; row < size; row += 1)
    for (let column = 0; column < size; column += 1) {
      let sum = 0
      for (let inner = 0; inner < size; inner += 1) sum += left[row * size + inner]! * right[inner * size + column]!
      const answer = found[row * size + column]
      if (answer !== sum) return `it gives a wrong product: ${answer}, where ${sum} is right`
    }
  return undefined
}

async function trainingFault(device: Device, context: CallContext): Promise<string | undefined> {
  const texts = textClassifier({ buckets: 2 ** 8 })
  const model = probeModel({ epochs: 4, batchSize: 2, learningRate: 0.1, weightDecay: 0.01 })
  const rows = ['red apple', 'blue bus', 'green apple', 'big bus'].map((input, index) => ({
    id: String(index),
    input,
    target: input.split(' ')[1]!,
    slices: {},
  }))
  const examples: TextExample[] = []
  const config = await texts.learn(rowsOf(rows), (example) => void examples.push(example), context)
  const request = { config, examples: listed(examples), seed: 1 }
  const { lossCurve } = await trainLoop(device, model, request, { ...context, progress() {} })
  const [first, last] = [lossCurve[0]![1], lossCurve.at(-1)![1]]
  return last < first ? undefined : `training does not lower the loss: ${first}, then ${last}`
}

/** Of twice as many products each time, until they take a tenth of a second together; absent for a clock that stands still. */
async function measureGflops({ name, tf, use }: Device, clock: Clock): Promise<number | undefined> {
  const size = name === 'js' ? 128 : 512
  const matrix = use(() => tf.randomUniform([size, size], -1, 1, 'float32', 1) as Tensor2D)
  const product = async () => void (await valuesOf(use(() => tf.matMul(matrix, matrix))))
  try {
    for (let products = 1; products <= 2 ** 12; products *= 2) {
      const startMs = clock.nowMs()
      for (let index = 0; index < products; index += 1) await product()
      const tookMs = clock.nowMs() - startMs
      if (tookMs >= 100) return Number(((products * 2 * size ** 3) / tookMs / 1e6).toPrecision(3))
    }
    return undefined
  } finally {
    use(() => matrix.dispose())
  }
}

function rowsOf<R>(rows: readonly R[]) {
  return {
    size: rows.length,
    digest: `sha256:${'0'.repeat(64)}` as const,
    async *[Symbol.asyncIterator]() {
      yield* rows
    },
  }
}
