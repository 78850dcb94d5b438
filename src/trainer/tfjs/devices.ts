import type * as TensorFlow from '@tensorflow/tfjs-core'
import { type CallContext, type Json, messageOf, SheikhError } from '../../core/index.js'
import { registerWasmKernels } from './wasm-kernels.js'

export type Tf = typeof TensorFlow

/** `wasm`: SIMD, needs nothing. `js`: the reference, 10 to 50 times slower. */
export type DeviceName = 'wasm' | 'js'

/** A tfjs backend of our own: the host's backends, and its choice of one, stay as they are. */
export interface Device {
  readonly name: DeviceName
  readonly tf: Tf
  readonly packages: Readonly<Record<string, string>>
  /** Runs synchronous work on this device, and gives the host its backend back. */
  use<R>(work: () => R): R
}

const opened = new Map<DeviceName, Promise<Device>>()

/** @throws `device-unavailable` for a device that is not there, naming those that are. */
export function openDevice(name: DeviceName, context: Pick<CallContext, 'signal'>): Promise<Device> {
  context.signal.throwIfAborted()
  if (name !== 'wasm' && name !== 'js')
    throw new SheikhError(
      'device-unavailable',
      `Cannot use the device ${JSON.stringify(name)}: there are "wasm" and "js". Choose one of them.`,
      { facts: { device: name } },
    )
  const known = opened.get(name)
  if (known !== undefined) return known
  const opening = open(name).catch((error: unknown) => {
    opened.delete(name)
    throw new SheikhError(
      'device-unavailable',
      `Cannot open the device "${name}": ${messageOf(error)}. Choose "${name === 'wasm' ? 'js' : 'wasm'}".`,
      { cause: error },
    )
  })
  opened.set(name, opening)
  return opening
}

/** Equal fingerprints give equal bytes. */
export function fingerprint(name: DeviceName): Json {
  const { node, v8, unicode } = process.versions
  return { device: name, nodeMajor: Number(node.split('.')[0]), v8, unicode: unicode ?? null, arch: process.arch }
}

async function open(name: DeviceName): Promise<Device> {
  const tf = defaultOf<Tf>(await import('@tensorflow/tfjs-core'))
  const backend = `sheikh-${name}`
  const packages: Record<string, string> = { '@tensorflow/tfjs-core': tf.version_core }
  if (name === 'js') {
    const cpu = defaultOf<typeof import('@tensorflow/tfjs-backend-cpu')>(await import('@tensorflow/tfjs-backend-cpu'))
    packages['@tensorflow/tfjs-backend-cpu'] = cpu.version_cpu
    await register(tf, 'cpu', backend)
  } else {
    const wasm = defaultOf<typeof import('@tensorflow/tfjs-backend-wasm')>(
      await import('@tensorflow/tfjs-backend-wasm'),
    )
    packages['@tensorflow/tfjs-backend-wasm'] = wasm.version_wasm
    await register(tf, 'wasm', backend)
    registerWasmKernels(tf, backend)
  }
  await switchTo(tf, backend, () => undefined)
  return { name, tf, packages, use: (work) => switchTo(tf, backend, work) }
}

async function register(tf: Tf, original: string, backend: string): Promise<void> {
  const factory = tf.findBackendFactory(original)
  if (factory === null || factory === undefined) throw new Error(`tfjs has no backend "${original}"`)
  const instance = await factory()
  // The cpu backend greets whoever uses it first, on the console.
  if ('firstUse' in instance) instance.firstUse = false
  tf.copyRegisteredKernels(original, backend)
  // Priority 0: never chosen by itself.
  tf.registerBackend(backend, () => instance, 0)
}

function switchTo<R>(tf: Tf, backend: string, work: () => R): R {
  const before = tf.getBackend()
  // `setBackend` is asynchronous in form; for a backend that stands it is done when it returns.
  if (before !== backend) void tf.setBackend(backend)
  try {
    return work()
  } finally {
    if (before !== backend && before !== '' && before !== undefined) void tf.setBackend(before)
  }
}

// The packages are CommonJS: what they export is under `default` where Node cannot name it.
const defaultOf = <M>(module: unknown): M => ((module as { default?: M }).default ?? module) as M
