import { cpus } from 'node:os'
import type * as TensorFlow from '@tensorflow/tfjs-core'
import { type CallContext, isSheikhError, type Json, messageOf, SheikhError } from '../../core/index.js'
import { loadNative } from './native.js'
import { nativeKernels, registerNativeKernels } from './native-kernels.js'
import { packageVersion } from './package-version.js'
import { registerWasmKernels } from './wasm-kernels.js'
import { loadWebGpu } from './webgpu.js'
import { registerWebGpuKernels } from './webgpu-kernels.js'

export type TfjsCore = typeof TensorFlow

/** All devices, best first. */
export const deviceNames: readonly DeviceName[] = ['cuda', 'native', 'webgpu', 'wasm', 'js']

/**
 * `cuda`: `@tensorflow/tfjs-node-gpu` on an NVIDIA GPU. `native`: TensorFlow's library on the CPU. `webgpu`: a GPU of
 * any vendor, through Dawn. `wasm`: WebAssembly with SIMD, needs no installation. `js`: the reference implementation,
 * 10 to 50 times slower.
 */
export type DeviceName = 'cuda' | 'native' | 'webgpu' | 'wasm' | 'js'

/** A separate tfjs backend. The host's backends, and its choice of backend, are not changed. */
export interface Device {
  readonly name: DeviceName
  readonly tf: TfjsCore
  readonly packages: Readonly<Record<string, string>>
  /** Devices with equal fingerprints give identical results. */
  readonly fingerprint: Json
  /** True for a GPU emulated on the CPU, which is slower than any other device. */
  readonly isSoftware: boolean
  /** Runs synchronous work on this device, then restores the host's backend. */
  use<R>(work: () => R): R
}

/** The tfjs backends that these devices are copies of. */
const originals = { cuda: 'tensorflow', native: 'tensorflow', webgpu: 'webgpu', wasm: 'wasm', js: 'cpu' } as const

const opened = new Map<DeviceName, Promise<Device>>()

/**
 * @param name `auto`: the first device in `deviceNames` that opens and is not an emulated GPU. Does not depend on
 * measured speed.
 * @throws `device-unavailable`, `missing-peer`.
 */
export async function openDevice(name: DeviceName | 'auto', context: Pick<CallContext, 'signal'>): Promise<Device> {
  context.signal.throwIfAborted()
  if (name === 'auto') return openFirst(context)
  if (!deviceNames.includes(name))
    throw new SheikhError(
      'device-unavailable',
      `Cannot use the device ${JSON.stringify(name)}: it is not one of ${deviceNames.map((one) => `"${one}"`).join(', ')} and "auto". Choose one of them.`,
      { facts: { device: name } },
    )
  const known = opened.get(name)
  if (known !== undefined) return known
  const opening = open(name).catch((error: unknown) => {
    opened.delete(name)
    if (isSheikhError(error)) throw error
    throw new SheikhError(
      'device-unavailable',
      `Cannot open the device "${name}": ${messageOf(error)}. Choose "${name === 'wasm' ? 'js' : 'wasm'}".`,
      { cause: error },
    )
  })
  opened.set(name, opening)
  return opening
}

const backendPackages = { wasm: '@tensorflow/tfjs-backend-wasm', js: '@tensorflow/tfjs-backend-cpu' } as const

/**
 * The packages and the fingerprint of a device, as `openDevice` returns them. Does not load tfjs for `wasm` and `js`, so that
 * planning a run does not pay for it.
 *
 * @throws as `openDevice` for the other devices.
 */
export async function deviceEnvironment(
  name: DeviceName | 'auto',
  context: Pick<CallContext, 'signal'>,
): Promise<Pick<Device, 'packages' | 'fingerprint'>> {
  if ((name !== 'wasm' && name !== 'js') || opened.has(name)) return openDevice(name, context)
  const names = ['@tensorflow/tfjs-core', backendPackages[name]]
  return {
    packages: Object.fromEntries(names.map((each) => [each, packageVersion(each)])),
    fingerprint: fingerprintOf(name, undefined),
  }
}

async function openFirst(context: Pick<CallContext, 'signal'>): Promise<Device> {
  for (const name of deviceNames.slice(0, -1)) {
    try {
      const device = await openDevice(name, context)
      if (!device.isSoftware) return device
    } catch (error) {
      if (!isSheikhError(error, 'missing-peer') && !isSheikhError(error, 'device-unavailable')) throw error
    }
  }
  return openDevice('js', context)
}

/**
 * Reads the values of a tensor and disposes of it. Asynchronous, because not every device supports synchronous reads.
 */
export async function valuesOf(tensor: TensorFlow.Tensor): Promise<Float32Array> {
  try {
    return await tensor.data<'float32'>()
  } finally {
    tensor.dispose()
  }
}

function fingerprintOf(name: DeviceName, adapter: Json | undefined): Json {
  const { node, v8, unicode } = process.versions
  const common = {
    device: name,
    nodeMajor: Number(node.split('.')[0]),
    v8,
    unicode: unicode ?? null,
    arch: process.arch,
  }
  // TensorFlow selects its code by the features of the processor.
  if (name === 'cuda' || name === 'native') return { ...common, cpu: cpus()[0]?.model ?? null, kernels: nativeKernels }
  return adapter === undefined ? common : { ...common, adapter }
}

async function open(name: DeviceName): Promise<Device> {
  const tf = defaultOf<TfjsCore>(await import('@tensorflow/tfjs-core'))
  const backend = `sheikh-${name}`
  const packages: Record<string, string> = { '@tensorflow/tfjs-core': tf.version_core }
  let adapter: Json | undefined
  let isSoftware = false
  if (name === 'cuda' || name === 'native') {
    const native = await loadNative(name, tf)
    Object.assign(packages, native.packages)
    register(tf, 'tensorflow', backend, native.create())
    registerNativeKernels(tf, backend)
  } else if (name === 'webgpu') {
    const gpu = await loadWebGpu(tf)
    Object.assign(packages, gpu.packages)
    ;({ adapter, isSoftware } = gpu)
    register(tf, 'webgpu', backend, gpu.backend)
    registerWebGpuKernels(tf, backend)
  } else if (name === 'js') {
    const cpu = defaultOf<typeof import('@tensorflow/tfjs-backend-cpu')>(await import('@tensorflow/tfjs-backend-cpu'))
    packages['@tensorflow/tfjs-backend-cpu'] = cpu.version_cpu
    register(tf, 'cpu', backend, await factoryOf(tf, 'cpu')())
  } else {
    const wasm = defaultOf<typeof import('@tensorflow/tfjs-backend-wasm')>(
      await import('@tensorflow/tfjs-backend-wasm'),
    )
    packages['@tensorflow/tfjs-backend-wasm'] = wasm.version_wasm
    register(tf, 'wasm', backend, await withoutProcessListeners(factoryOf(tf, 'wasm')))
    registerWasmKernels(tf, backend)
  }
  const use = await switchOf(tf, backend, originals[name])
  const fingerprint = fingerprintOf(name, adapter)
  return { name, tf, packages, fingerprint, isSoftware, use }
}

function factoryOf(tf: TfjsCore, original: string) {
  const factory = tf.findBackendFactory(original)
  if (factory === null || factory === undefined) throw new Error(`tfjs has no backend "${original}"`)
  return factory
}

/**
 * Code compiled by Emscripten listens for all uncaught errors of the process and rethrows them from a file with one
 * long line. Removes these listeners, so that the host handles its own errors.
 */
async function withoutProcessListeners<R>(work: () => R | Promise<R>): Promise<R> {
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const before = events.map((event) => new Set<unknown>(process.listeners(event as 'uncaughtException')))
  try {
    return await work()
  } finally {
    // Except listeners that the host adds meanwhile.
    for (const [index, event] of events.entries())
      for (const listener of process.listeners(event as 'uncaughtException'))
        if (!before[index]!.has(listener) && /ExitStatus|throw reason/.test(String(listener)))
          process.removeListener(event, listener)
  }
}

function register(tf: TfjsCore, original: string, backend: string, instance: TensorFlow.KernelBackend): void {
  // The cpu backend prints a message to the console on first use.
  if ('firstUse' in instance) instance.firstUse = false
  tf.copyRegisteredKernels(original, backend)
  // Priority 0: never selected automatically.
  tf.registerBackend(backend, () => instance, 0)
}

/** State of the current backend in tfjs's engine. */
interface Chosen {
  backendName: string | undefined
  backendInstance: TensorFlow.KernelBackend | null
  profiler: object
}

/**
 * Switches the backend. The first switch is tfjs's own, which sets up every kernel; later ones restore the resulting
 * engine state, because every step switches and it must be cheap. If the host uses the original backend and both share
 * set-up state (as wasm does: the functions of one module), every switch is tfjs's own.
 */
async function switchOf(tf: TfjsCore, backend: string, original: string): Promise<Device['use']> {
  const engine = tf.engine() as unknown as Chosen
  const chosen = (): Chosen => {
    const { backendName, backendInstance, profiler } = engine
    return { backendName, backendInstance, profiler }
  }
  let isSetUp = true
  const isShared = tf.getKernelsForBackend(original).some(({ setupFunc }) => setupFunc !== undefined)
  if (isShared)
    tf.registerKernel({
      ...{ kernelName: `SetUpOf ${backend}`, backendName: original },
      setupFunc: () => {
        isSetUp = false
      },
      kernelFunc: () => {
        throw new Error('This kernel is only set up, never run.')
      },
    })
  const host = chosen()
  const isChosen = ({ backendName }: Chosen) => backendName !== '' && backendName !== undefined
  await tf.setBackend(backend)
  const ours = chosen()
  // `setBackend` is asynchronous, but for an existing backend it is complete when it returns.
  const giveBack = (before: Chosen) => {
    if (isShared && before.backendName === original) void tf.setBackend(original)
    else if (isChosen(before)) Object.assign(engine, before)
  }
  giveBack(host)
  return (work) => {
    const before = chosen()
    if (isSetUp) Object.assign(engine, ours)
    else {
      isSetUp = true
      void tf.setBackend(backend)
    }
    try {
      return work()
    } finally {
      giveBack(before)
    }
  }
}

// The packages are CommonJS: exports that Node cannot detect are under `default`.
const defaultOf = <M>(module: unknown): M => ((module as { default?: M }).default ?? module) as M
