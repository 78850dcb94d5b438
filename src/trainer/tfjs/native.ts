// The one file that loads TensorFlow's C library. Its packages are optional, large, and break on newer Node: see docs/devices.md.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { KernelBackend } from '@tensorflow/tfjs-core'
import { messageOf, SheikhError } from '../../core/index.js'
import type { TfjsCore } from './devices.js'

export type NativeDeviceName = 'cuda' | 'native'

export interface Native {
  readonly packages: Readonly<Record<string, string>>
  /** A backend of its own, beside the host's. */
  create(): KernelBackend
}

const gpuPackage = '@tensorflow/tfjs-node-gpu'
const cpuPackage = '@tensorflow/tfjs-node'
const require = createRequire(import.meta.url)

/** What the packages' backend is, as far as it matters here. */
interface NodeBackend extends KernelBackend {
  readonly isUsingGpuDevice: boolean
  readonly binding: { readonly TF_Version?: string }
}

/**
 * Loads `@tensorflow/tfjs-node-gpu`, or for `native` what there is of both.
 *
 * @throws `missing-peer`; `device-unavailable` for a second copy, a library that is not found, and a GPU that is not used.
 */
export async function loadNative(name: NativeDeviceName, tf: TfjsCore): Promise<Native> {
  const chosen = choosePackage(name)
  restoreRemovedFunctions()
  const before = tf.getBackend()
  const loaded = await load(chosen)
  // It makes itself the backend of everybody. The host's choice stays, where it had made one.
  if (before !== undefined && before !== '') await tf.setBackend(before)
  if (loaded.Tensor !== tf.Tensor)
    throw unavailable(
      name,
      'there are two copies of @tensorflow/tfjs-core',
      'See "npm ls @tensorflow/tfjs-core", then: npm dedupe',
    )
  const create = () => tf.findBackendFactory('tensorflow')() as NodeBackend
  const backend = create()
  if (name === 'cuda' && !backend.isUsingGpuDevice) throw unavailable(name, ...whyNoGpu())
  if (name === 'native' && backend.isUsingGpuDevice)
    throw unavailable(name, 'TensorFlow uses the GPU', 'Choose "cuda", or set CUDA_VISIBLE_DEVICES to -1')
  const { TF_Version: libtensorflow } = backend.binding
  return {
    packages: { [chosen]: loaded.version['tfjs-node'], ...(libtensorflow !== undefined && { libtensorflow }) },
    create,
  }
}

/** Both at once would be two libraries in one process: what is loaded already is taken, or refused. */
function choosePackage(name: NativeDeviceName): string {
  const isLoaded = (folder: string) => Object.keys(require.cache).some((path) => path.includes(`/${folder}/dist/`))
  const loaded = [gpuPackage, cpuPackage].find(isLoaded)
  if (name === 'cuda' && loaded === cpuPackage)
    throw unavailable(name, `${cpuPackage} is loaded in this process`, `Import ${gpuPackage} alone`)
  if (loaded !== undefined) return loaded
  const wanted = name === 'cuda' ? [gpuPackage] : [cpuPackage, gpuPackage]
  const found = wanted.find(isInstalled)
  if (found !== undefined) return found
  const remedy = name === 'cuda' ? gpuPackage : cpuPackage
  throw new SheikhError(
    'missing-peer',
    `Cannot open the device "${name}": ${wanted.join(' or ')} is not installed. Install it: npm install ${remedy}@4.22.0`,
    { facts: { device: name } },
  )
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}

/** Node 23 removed them, and tfjs-node 4.22 calls them. */
function restoreRemovedFunctions(): void {
  const util = require('node:util') as Record<string, unknown>
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined
  util['isArray'] ??= Array.isArray
}

interface NodePackage extends TfjsCore {
  readonly version: { readonly 'tfjs-node': string }
}

async function load(name: string): Promise<NodePackage> {
  try {
    return require(name) as NodePackage
  } catch (error) {
    const fact = messageOf(error).split('\n')[0]!
    const library = /(lib[\w.-]+\.so[\w.]*|[\w.-]+\.dll|[\w.-]+\.dylib)/.exec(fact)?.[0]
    const remedy =
      library === undefined
        ? `Build it: npm rebuild ${name} --build-addon-from-source`
        : `Install what has ${library} (${library.startsWith('libcu') ? 'CUDA 11.2, cuDNN 8.1' : 'libtensorflow 2.9'}), and name its folder in LD_LIBRARY_PATH`
    throw new SheikhError('device-unavailable', `Cannot load ${name}: ${fact}. ${remedy}.`, { cause: error })
  }
}

function whyNoGpu(): [fact: string, remedy: string] {
  const libraries = 'Install CUDA 11.2 and cuDNN 8.1, and name their folders in LD_LIBRARY_PATH; "native" uses the CPU'
  if (!existsSync('/dev/nvidiactl') && !existsSync('/proc/driver/nvidia'))
    return [
      'no NVIDIA GPU or no driver is visible',
      'Run "nvidia-smi"; in a container: --gpus all. "native" uses the CPU',
    ]
  return [
    'there is an NVIDIA GPU, and TensorFlow does not use it',
    `${libraries}. CUDA_VISIBLE_DEVICES must not hide it`,
  ]
}

const unavailable = (device: string, fact: string, remedy: string) =>
  new SheikhError('device-unavailable', `Cannot open the device "${device}": ${fact}. ${remedy}.`, {
    facts: { device },
  })
