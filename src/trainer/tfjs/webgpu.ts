// The one file that loads WebGPU for Node (Dawn) and tfjs's backend on it. Both packages are optional: see docs/devices.md.
import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { type JsonObject, messageOf, SheikhError } from '../../core/index.js'
import type { TfjsCore } from './devices.js'
import { packageVersion } from './package-version.js'

export interface WebGpu {
  readonly packages: Readonly<Record<string, string>>
  /** Who made the GPU, and which it is: what its driver says. */
  readonly adapter: JsonObject
  /** A processor that does a GPU's work, at a hundredth of the speed. */
  readonly isSoftware: boolean
  readonly backend: WebGpuBackend
}

/** Values on the GPU come when it has them: `read`, never `readSync`. */
export interface WebGpuBackend extends PackageBackend {
  /** Of an int32 tensor that was made on the CPU: the numbers. */
  integersOf(dataId: object): Int32Array | undefined
}

interface PackageBackend extends KernelBackend {
  runWebGPUProgram(
    program: object,
    inputs: readonly TensorInfo[],
    dtype: DataType,
    uniforms: readonly { readonly type: 'int32'; readonly data: readonly number[] }[],
  ): TensorInfo
}

/** What the packages are, as far as it matters here; they have no types without the DOM's. */
interface Gpu {
  requestAdapter(options: { powerPreference: string }): Promise<Adapter | null>
}
interface Adapter {
  readonly features: ReadonlySet<string>
  readonly limits: Readonly<Record<string, number>>
  readonly info: Readonly<Record<'vendor' | 'architecture' | 'device' | 'description', string>> & {
    readonly isFallbackAdapter?: boolean
  }
  requestDevice(descriptor: object): Promise<GpuDevice>
}
interface GpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
  addEventListener(type: 'uncapturederror', listener: (event: { readonly error: Error }) => void): void
}
type BackendClass = new (device: GpuDevice, info: Adapter['info']) => PackageBackend

const packageNames = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const

// What tfjs's backend reads of the globals while it works, and Node has none of.
const globalNames = ['GPUBuffer', 'GPUTexture', 'GPUBufferUsage', 'GPUMapMode', 'GPUTextureUsage'] as const

// All that the GPU has: tensors are as large as its buffers may be.
const limitNames = [
  ...['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'],
  ...['maxComputeWorkgroupsPerDimension', 'maxComputeWorkgroupSizeX', 'maxComputeInvocationsPerWorkgroup'],
]

// Dawn ends with its first object, also while its devices work: the process then ends with a segmentation fault.
const kept = new Set<Gpu>()

/**
 * Opens the best GPU, by whatever its machine has: Vulkan, Metal or Direct3D 12.
 *
 * @throws `missing-peer`; `device-unavailable` where there is no GPU, or a second copy of tfjs's core.
 */
export async function loadWebGpu(tf: TfjsCore): Promise<WebGpu> {
  const [{ create, globals }, { WebGPUBackend }, versions] = await loadPackages()
  for (const name of globalNames)
    if (!(name in globalThis))
      Object.defineProperty(globalThis, name, { value: globals[name], configurable: true, writable: true })
  const gpu = create([])
  kept.add(gpu)
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null)
    throw unavailable(
      'Dawn finds no GPU',
      'It needs the driver of a GPU, and on Linux libvulkan1; "vulkaninfo" and VK_ICD_FILENAMES say which drivers there are',
    )
  const device = await adapter.requestDevice({
    requiredLimits: Object.fromEntries(limitNames.map((name) => [name, adapter.limits[name]])),
  })
  const { vendor, architecture, device: model, description, isFallbackAdapter } = adapter.info
  const backend = withNavigator(gpu, () => new (watched(WebGPUBackend, device))(device, adapter.info))
  if (tf.getKernelsForBackend('webgpu').length === 0)
    throw unavailable(
      'there are two copies of @tensorflow/tfjs-core',
      'See "npm ls @tensorflow/tfjs-core", then: npm dedupe',
    )
  return {
    packages: versions,
    adapter: { vendor, architecture, device: model, description },
    isSoftware: isFallbackAdapter === true,
    backend,
  }
}

async function loadPackages() {
  try {
    const [webgpu, loaded] = await Promise.all([import('webgpu'), import('@tensorflow/tfjs-backend-webgpu')])
    const backend = (loaded as { default?: unknown }).default ?? loaded
    return [
      webgpu as unknown as { create(options: readonly string[]): Gpu; globals: Readonly<Record<string, unknown>> },
      backend as unknown as { readonly WebGPUBackend: BackendClass },
      Object.fromEntries(packageNames.map((name) => [name, packageVersion(name)])),
    ] as const
  } catch (error) {
    const missing = packageNames.filter((name) => messageOf(error).includes(`'${name}'`))
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND' || missing.length === 0)
      throw unavailable(messageOf(error).split('\n')[0]!, 'Install the packages again: npm install webgpu', error)
    throw new SheikhError(
      'missing-peer',
      `Cannot open the device "webgpu": ${missing[0]} is not installed. Install it: npm install webgpu @tensorflow/tfjs-backend-webgpu@4.22.0`,
      { facts: { device: 'webgpu' } },
    )
  }
}

/**
 * WebGPU says late, and to nobody who does not listen, that a GPU was lost or has no more memory; what is read then is
 * anything. Here it is an error of the next read; a GPU that was lost stays so.
 */
function watched(backend: BackendClass, device: GpuDevice) {
  let fault: string | undefined
  let loss: string | undefined
  device.addEventListener('uncapturederror', ({ error }) => {
    fault ??= error.message.split('\n')[0]!.replace(/\.$/, '')
  })
  void device.lost.then(({ reason, message }) => {
    loss = `the GPU was lost (${reason}): ${message.split('\n')[0]}`
  })
  return class extends backend implements WebGpuBackend {
    readonly #integers = new WeakMap<object, Int32Array>()

    override write(...[values, shape, dtype]: Parameters<KernelBackend['write']>): object {
      const dataId = super.write(values, shape, dtype)
      if (dtype === 'int32' && values instanceof Int32Array) this.#integers.set(dataId, values)
      return dataId
    }

    integersOf(dataId: object): Int32Array | undefined {
      return this.#integers.get(dataId)
    }

    override async read(dataId: object) {
      const values = await super.read(dataId)
      const found = loss ?? fault
      fault = undefined
      if (found !== undefined)
        throw unavailable(found, 'Begin again, with smaller batches where memory was short, or choose "wasm"')
      return values
    }
  }
}

/** tfjs's backend looks for WebGPU where a browser has it, when it is made and not after. */
function withNavigator<R>(gpu: Gpu, make: () => R): R {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })
  try {
    return make()
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator')
    else Object.defineProperty(globalThis, 'navigator', before)
  }
}

const unavailable = (fact: string, remedy: string, cause?: unknown) =>
  new SheikhError('device-unavailable', `Cannot use the device "webgpu": ${fact}. ${remedy}.`, {
    facts: { device: 'webgpu' },
    cause,
  })
