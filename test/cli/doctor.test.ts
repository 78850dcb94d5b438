import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'
import { git, temporaryFolder } from '../repository/harness.js'
import { oidOf, pointerTo } from '../repository/lfs-server.js'
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

it('doctor says which files of Git LFS are not fetched, and how to fetch them', async () => {
  const root = temporaryFolder()
  const put = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  git(root, 'init', '-q')
  put('mlops/pipeline.yaml', 'pipeline: { name: tiny }\n')
  put('mlops/training/config.yaml', 'model: { architecture: llama, base: models/tiny }\n')
  put('dataset/samples/a.json', '{"id":"a","text":"x","label":"y"}')
  put('dataset/samples/b.jsonl', pointerTo('b'.repeat(3_000_000)))
  put('dataset/images/c.png', pointerTo('stored'))
  put('models/tiny/model.safetensors', pointerTo('weights'))
  const oid = oidOf('stored')
  put(`.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`, 'stored')
  const { out } = await sheikh(root, ['doctor'])
  expect(out).toContain(
    'Data: 2 files are Git LFS pointers; 1 of them, 3.0 MB, are not fetched (dataset/samples/b.jsonl). A run fetches what it reads. To fetch all now: git lfs pull',
  )
  expect(out).toMatch(
    /Base model: 1 file is a Git LFS pointer; 1 of them.*models\/tiny\/model\.safetensors.*A run fetches what it reads\. To fetch all now: git lfs pull/,
  )
  const { lfs } = JSON.parse((await sheikh(root, ['doctor', '--json'])).out)
  expect(lfs).toMatchObject({
    data: { files: 2, sizeBytes: 3_000_006, missing: 1, missingBytes: 3_000_000 },
    models: { files: 1, missing: 1, examples: ['models/tiny/model.safetensors'] },
  })
  put('dataset/samples/b.jsonl', '')
  put('models/tiny/model.safetensors', '')
  expect((await sheikh(root, ['doctor'])).out).toMatch(
    /1 file is a Git LFS pointer; all are in the store of this clone\.$/m,
  )
})
