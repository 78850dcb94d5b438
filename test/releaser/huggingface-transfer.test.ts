import { mkdir, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TransferProgress } from '../../src/releaser/huggingface/index.js'
import { readBundle } from '../../src/releaser/index.js'
import type { HubOptions } from '../../src/testing/hub/index.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { bytesLike, readersSee, release, token, type World, worldFor } from './huggingface-fixture.js'

/** In CI above what may lie in Git. */
const large = bytesLike(1, isWhole ? 11 << 20 : 3 << 20)
const small = bytesLike(1, 100_000)
const transfers = isWhole ? (['basic', 'multipart', 'xet'] as const) : (['xet'] as const)

const sentTo = ({ hub }: World, from: number, host: 'hub' | 'storage') =>
  hub.requests.slice(from).filter((request) => request.host === host && request.bytesReceived > 0)
const sum = (values: readonly { readonly bytesReceived: number }[]) =>
  values.reduce((total, { bytesReceived }) => total + bytesReceived, 0)

describe.each(transfers)('a transfer by %s', (transfer) => {
  const world = (options: Partial<HubOptions> = {}) => worldFor({ transfer, chunkSizeBytes: 4_000_000, ...options })

  it('sends a large file once, says how far it is, and gives it back', async () => {
    const here = await world()
    const events: TransferProgress[] = []
    const registry = here.open({ onProgress: (event) => events.push(event) })
    const directory = await here.write('one', {
      'model.safetensors': large,
      'config.json': '{}',
      'empty.bin': '',
      'prompts/empty.txt': '',
      'prompts/größe 1+1.txt': 'a name',
    })
    await release(here, registry, directory)
    expect(sum(sentTo(here, 0, 'storage'))).toBeLessThan(large.length * 1.02)
    expect(sum(sentTo(here, 0, 'storage'))).toBeGreaterThan(large.length * 0.9)
    const uploaded = events.filter(({ direction, path }) => direction === 'upload' && path === 'model.safetensors')
    const steps = uploaded.map(({ progress }) => progress)
    expect(steps).toEqual([...steps].sort((left, right) => left - right))
    expect(steps.filter((step) => step > 0 && step < 1).length).toBeGreaterThan(20)
    expect(steps.at(-1)).toBe(1)
    for (const path of ['config.json', 'empty.bin', 'prompts/größe 1+1.txt'])
      expect(events).toContainEqual({ direction: 'upload', path, progress: 1 })
    events.length = 0
    expect(await readersSee(here, registry)).toBe('0.1.0 of 0.1.0')
    const received = events.filter(({ path }) => path === 'model.safetensors')
    expect(received.length).toBeGreaterThan(20)
    expect(received.at(-1)).toEqual({ direction: 'download', path: 'model.safetensors', progress: 1 })
  })

  it('sends next to nothing when the weights did not change, nor when they come back', async () => {
    const here = await world()
    const files = {
      'model.safetensors': isWhole ? large : bytesLike(1, 500_000),
      'small.bin': bytesLike(2, 300_000),
      'config.json': '{}',
    }
    await release(here, here.registry, await here.write('one', files))
    let from = here.hub.requests.length
    await release(here, here.registry, await here.write('two', { ...files, 'config.json': '{"prompt":2}' }))
    expect(sentTo(here, from, 'storage')).toEqual([])
    expect(sum(sentTo(here, from, 'hub'))).toBeLessThan(100_000)
    from = here.hub.requests.length
    const request = await here.request(join(here.folder, 'bundles/one'), '0.1.2')
    const { directory: _, ...bundle } = request.bundle
    const pending = await here.registry.prepare({ ...request, bundle }, here.context)
    await here.registry.verify(pending, here.context)
    await here.registry.publish(pending, here.context)
    expect(sentTo(here, from, 'storage')).toEqual([])
    expect(sum(sentTo(here, from, 'hub'))).toBeLessThan(100_000)
    expect(await readersSee(here)).toBe('0.1.2 of 0.1.2, 0.1.1, 0.1.0')
  })

  itInFull('goes on after it was cut: what was sent whole is not sent again', async () => {
    const here = await world()
    const first = bytesLike(3, 3_000_000)
    const directory = await here.write('one', { 'a.safetensors': first, 'b.safetensors': large })
    const impatient = here.open({ patience: { attempts: 1 } })
    const asked = await here.request(directory, '0.1.0')
    // The second file's storage is gone when a third of it has come.
    let receivedBefore = 0
    here.fault = ({ host, method }) => {
      if (host !== 'storage' || method === 'GET') return undefined
      receivedBefore += 1
      return receivedBefore > 1 ? { cutBodyAfterBytes: 3_500_000 } : undefined
    }
    const error = await here.failure(impatient.prepare(asked, here.context))
    expect(error).toMatchObject({ code: 'remote-failed', retryable: true })
    // Which host it was, and nothing of the signature in the address.
    expect(error.message).not.toContain('ticket')
    expect(error.message).toContain(here.hub.storageUrl.replace('http://', ''))
    here.fault = () => undefined
    const whole = here.hub.requests
      .filter(({ host, bytesReceived }) => host === 'storage' && bytesReceived >= 3_000_000)
      .map(({ path }) => path.replace(/\?.*/, ''))
    const from = here.hub.requests.length
    await release(here, here.registry, directory)
    const again = sentTo(here, from, 'storage')
    if (transfer === 'basic') {
      expect(again.map(({ bytesReceived }) => bytesReceived)).toEqual([large.length])
      expect(whole.length).toBeGreaterThan(0)
    } else expect(sum(again)).toBeLessThan((large.length + first.length) * 1.02)
    expect(await readersSee(here)).toBe('0.1.0 of 0.1.0')
  })
})

describe('what is sent', () => {
  it('is the bundle, its card and its record, and nothing else that lies there', async () => {
    const here = await worldFor()
    const directory = await here.write('one', { 'config.json': '{}', 'model.bin': small })
    const asked = await here.request(directory, '0.1.0')
    await here.write('one', { '.env': 'SECRET=1', '.git/config': '[remote]', 'notes/plan.txt': 'x', 'z.bin': small })
    await symlink('/etc/hostname', join(directory, 'host.txt'))
    await here.registry.publish(await here.registry.prepare(asked, here.context), here.context)
    const tree = await (await here.ask('GET', '/api/models/me/spam/tree/main?recursive=true')).json()
    expect((tree as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      '.gitattributes',
      'README.md',
      'config.json',
      'model.bin',
      'sheikh-release.json',
    ])
    for (const path of ['README.md', 'sheikh-release.json']) {
      expect(await here.text('main', path)).not.toContain(here.folder)
      expect(await here.text('main', path)).not.toContain(token)
    }
  })

  it.each([
    ['a link', 'config.json', (path: string) => symlink('/etc/hostname', path)],
    ['a link to a large file', 'model.bin', (path: string) => symlink('/dev/zero', path)],
    ['other bytes', 'config.json', (path: string) => writeFile(path, '[]')],
    ['other bytes, many', 'model.bin', (path: string) => writeFile(path, bytesLike(9, large.length))],
    ['a folder', 'model.bin', (path: string) => mkdir(path)],
    ['nothing', 'config.json', async () => {}],
  ])('is not %s that took the place of a file', async (name, file, put) => {
    const here = await worldFor()
    const directory = await here.write('one', { 'config.json': '{}', 'model.bin': large })
    const asked = await here.request(directory, '0.1.0')
    await unlink(join(directory, file))
    await put(join(directory, file))
    const error = await here.failure(here.registry.prepare(asked, here.context))
    expect(error.code).toBe(name === 'nothing' ? 'not-found' : 'artifact-corrupt')
    expect(sentTo(here, 0, 'storage')).toEqual([])
    const listed = []
    for await (const one of here.registry.pending(here.context)) listed.push(one)
    expect(listed).toEqual([])
  })

  it('is found to be other than it was read, also while it is sent', async () => {
    const here = await worldFor()
    const text = 'x'.repeat(2 << 20)
    const directory = await here.write('one', { 'config.json': '{}', 'words.txt': text })
    const asked = await here.request(directory, '0.1.0')
    here.fault = ({ path }) => {
      if (path.includes('/branch/'))
        void rm(join(directory, 'words.txt')).then(() => writeFile(join(directory, 'words.txt'), `${text}y`))
      return undefined
    }
    const error = await here.failure(here.registry.prepare(asked, here.context))
    expect(error.code).toBe('artifact-corrupt')
  })

  it.each(['sheikh-release.json', 'sheikh-registry.json', 'model.sig', '.gitattributes'])(
    'has no %s of the bundle',
    async (path) => {
      const here = await worldFor()
      const asked = await here.request(await here.write('one', { [path]: '{}', 'model.bin': 'x' }), '0.1.0')
      expect(await here.failure(here.registry.prepare(asked, here.context))).toMatchObject({ code: 'release-rejected' })
    },
  )

  it('goes to no other host with the token', async () => {
    const carried: string[] = []
    const here = await worldFor({
      before: ({ host, headers, method }) => {
        if (host === 'storage' && JSON.stringify(headers).includes('hf_')) carried.push(method)
        return undefined
      },
    })
    await release(here, here.registry, await here.write('one', { 'model.safetensors': small }))
    expect(await readersSee(here)).toBe('0.1.0 of 0.1.0')
    expect(carried).toEqual([])
    expect(sentTo(here, 0, 'storage').length).toBe(1)
  })
})

describe('what is removed', () => {
  it('is gone for good where no other release, pending or published, has it, and can be released again', async () => {
    const here = await worldFor()
    const { registry, context } = here
    const [own, shared, waiting] = [4, 5, 6].map((seed) => bytesLike(seed, 200_000)) as [Buffer, Buffer, Buffer]
    const first = await here.write('one', { 'own.bin': own, 'shared.bin': shared, 'waiting.bin': waiting })
    await release(here, registry, first)
    await release(here, registry, await here.write('two', { 'shared.bin': shared }))
    const pending = await here.request(await here.write('three', { 'waiting.bin': waiting }), '0.1.2')
    await registry.prepare(pending, context)
    await registry.remove('0.1.0', context)
    await registry.remove('0.1.0', context)
    const status = async (path: string) => (await here.ask('GET', `/me/spam/resolve/v0.1.0/${path}`)).status
    expect([await status('own.bin'), await status('shared.bin'), await status('waiting.bin')]).toEqual([404, 200, 200])
    expect(await here.failure(registry.open('0.1.0', join(here.folder, 'open'), context))).toMatchObject({
      code: 'not-found',
    })
    const from = here.hub.requests.length
    await release(here, registry, first)
    expect(sentTo(here, from, 'storage').map(({ bytesReceived }) => bytesReceived)).toEqual([own.length])
    await registry.open('0.1.2', join(here.folder, 'again'), context)
    expect((await readBundle(join(here.folder, 'again'), context)).digest).toBe(
      (await readBundle(first, context)).digest,
    )
  })
})

describe('a dataset repository', () => {
  it('takes releases as a model’s does', async () => {
    const here = await worldFor()
    const registry = here.open({ repository: 'datasets/me/words', endpoint: `${here.hub.url}/` })
    const directory = await here.write('one', { 'train.parquet': small, 'data.jsonl': '{}\n' })
    await release(here, registry, directory)
    await release(here, registry, await here.write('two', { 'train.parquet': small, 'data.jsonl': '{"a":1}\n' }))
    expect(await readersSee(here, registry)).toBe('0.1.1 of 0.1.1, 0.1.0')
    expect((await readBundle(directory, here.context)).manifest.files).toHaveLength(2)
    const card = await (await here.ask('GET', '/datasets/me/words/resolve/main/README.md')).text()
    expect(card).toContain('# words 0.1.1')
    await registry.withdraw('0.1.0', 'bad', here.context)
    await registry.remove('0.1.0', here.context)
    expect(await here.open().current('latest', here.context)).toBe(undefined)
  })
})
