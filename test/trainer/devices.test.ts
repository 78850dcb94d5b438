import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { deviceNames, openDevice } from '../../src/trainer/tfjs/devices.js'
import { probeDevices, textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { builtRooms } from '../built-package.js'
import { itInFull } from '../in-full.js'

const context = callContext()
const rooms = await builtRooms()

describe('the devices', () => {
  it('are probed in the order that auto goes by, and say what they run on or why they cannot', async () => {
    const reports = await probeDevices(context)
    expect(reports.map(({ name }) => name)).toEqual([...deviceNames])
    for (const { ok, reason, versions, gflops } of reports) {
      expect(ok).toBe(reason === undefined)
      if (!ok) continue
      expect(gflops).toBeGreaterThan(0)
      expect(versions['@tensorflow/tfjs-core']).toMatch(/^\d+\.\d+\.\d+$/)
    }
    const working = reports.filter(({ ok }) => ok).map(({ name }) => name)
    expect(working.slice(-2)).toEqual(['wasm', 'js'])
    const { name } = await openDevice('auto', context)
    expect(name).toBe(reports.find(({ ok, isSoftware }) => ok && !isSoftware)?.name)
  })

  it('are in the environment of a training by their own names, never as auto', async () => {
    const { name } = await openDevice('auto', context)
    const { environment } = tfjsTrainer(textClassifier(), { device: 'auto' })
    expect(await environment?.(context)).toMatchObject({ device: { device: name } })
  })

  it('give the wrong product away', async () => {
    const { tf, use } = await openDevice('js', context)
    const kernel = tf.getKernel('BatchMatMul', 'sheikh-js')!
    const right = kernel.kernelFunc
    onTestFinished(() => {
      kernel.kernelFunc = right
    })
    kernel.kernelFunc = (parameters) => {
      const product = right(parameters) as TensorInfo
      return use(() => tf.add(tf.engine().makeTensorFromTensorInfo(product), 1))
    }
    const report = (await probeDevices(context)).find(({ name }) => name === 'js')
    expect(report).toMatchObject({ ok: false, reason: expect.stringContaining('wrong product') })
  })

  it('stop being probed where that is aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(probeDevices(callContext({ signal }))).rejects.toThrow('enough')
  })
})

/** A project with packages of our making in the place of TensorFlow's, where the device is opened in a process of its own. */
function openIn(packages: Readonly<Record<string, string>>, device: string): string {
  const root = mkdtempSync(join(tmpdir(), 'sheikh-devices-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  cpSync(rooms, root, { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  for (const [name, code] of Object.entries(packages)) {
    const folder = join(root, 'node_modules', name)
    mkdirSync(join(folder, 'dist'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '0.1.0', main: 'dist/index.js' }))
    writeFileSync(join(folder, 'dist/index.js'), code)
  }
  return execFileSync(process.execPath, ['open-device.js', device], { cwd: root, encoding: 'utf8' })
}

const gpu = '@tensorflow/tfjs-node-gpu'
const cpu = '@tensorflow/tfjs-node'
const working = (usesGpu: boolean, tensor = 'globalThis.Tensor') =>
  `globalThis.backend = { isUsingGpuDevice: ${usesGpu}, binding: { TF_Version: '2.9.1' } }
if (!require('node:util').isNullOrUndefined(null)) throw new Error('gone')
module.exports = { Tensor: ${tensor}, version: { 'tfjs-node': '4.22.0' } }`

describe('WebGPU', () => {
  const backend = { '@tensorflow/tfjs-backend-webgpu': 'module.exports = { WebGPUBackend: class {} }' }
  it('that is not installed is named with the command that installs it', () => {
    expect(openIn(backend, 'webgpu')).toMatch(
      /^missing-peer: .*webgpu is not installed.*npm install webgpu @tensorflow/,
    )
  })

  it('that finds no GPU says what is needed', () => {
    const dawn = 'exports.create = () => ({ requestAdapter: async () => null })\nexports.globals = {}'
    expect(openIn({ ...backend, webgpu: dawn }, 'webgpu')).toMatch(/^device-unavailable: .*finds no GPU.*libvulkan1/)
  })
})

describe('TensorFlow’s library', () => {
  it('that is not installed is named with the command that installs it', () => {
    expect(openIn({}, 'cuda')).toMatch(/^missing-peer: .*npm install @tensorflow\/tfjs-node-gpu/)
    expect(openIn({}, 'native')).toMatch(/^missing-peer: .*npm install @tensorflow\/tfjs-node@/)
  })

  itInFull('is cuda where a GPU is used, and native where none is', () => {
    const packages = JSON.stringify({ [gpu]: '4.22.0', libtensorflow: '2.9.1' })
    expect(openIn({ [gpu]: working(true) }, 'cuda')).toBe(packages)
    expect(openIn({ [gpu]: working(false) }, 'native')).toBe(packages)
    expect(openIn({ [gpu]: working(false) }, 'cuda')).toMatch(/^device-unavailable: .*GPU/)
    expect(openIn({ [gpu]: working(true) }, 'native')).toMatch(/^device-unavailable: .*Choose "cuda"/)
    expect(openIn({ [cpu]: working(false), [gpu]: 'throw new Error("both")' }, 'native')).toContain(cpu)
  })

  it('of which a part is missing says which, and where it is to be had', () => {
    const missing = (library: string) =>
      openIn(
        { [gpu]: `throw new Error('${library}: cannot open shared object file: No such file or directory')` },
        'cuda',
      )
    expect(missing('libcudart.so.11.0')).toMatch(/^device-unavailable: .*has libcudart\.so\.11\.0 \(CUDA 11\.2/)
    expect(missing('libtensorflow.so.2')).toMatch(/^device-unavailable: .*libtensorflow\.so\.2 \(libtensorflow 2\.9/)
    expect(openIn({ [gpu]: 'throw new Error("tfjs_binding.node not found")' }, 'cuda')).toContain('npm rebuild')
  })

  it('that came with a tfjs of its own is refused', () => {
    expect(openIn({ [gpu]: working(false, 'class {}') }, 'native')).toMatch(/^device-unavailable: .*npm dedupe/)
  })
})
