import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'
import { sheikh } from './harness.js'

it('doctor says which devices can train here, and why the others cannot', async () => {
  const { code, out, err } = await sheikh('/', ['doctor', '--json'])
  expect([code, err]).toEqual([0, ''])
  const { devices } = JSON.parse(out)
  expect(devices.map(({ name }: { name: string }) => name)).toEqual(['cuda', 'native', 'webgpu', 'wasm', 'js'])
  for (const device of devices) {
    expect(Object.keys(device).sort()).toEqual(['gflops', 'name', 'ok', 'reason', 'versions'])
    expect(typeof (device.ok ? device.gflops : device.reason)).toBe(device.ok ? 'number' : 'string')
  }
  expect(devices.slice(3)).toMatchObject([{ ok: true }, { ok: true }])

  const text = await sheikh('/', ['doctor'])
  expect(text.out).toMatch(/^wasm {4}works {3}[\d.]+ GFLOP\/s {2}@tensorflow\/tfjs-core/m)
  const { name } = await openDevice('auto', callContext())
  expect(text.out).toContain(`"auto" selects ${name}.`)
})
