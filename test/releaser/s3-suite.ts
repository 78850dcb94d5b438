import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, digestBytes, hexOf } from '../../src/core/index.js'
import { type FeedbackEntry, type FeedbackStore, s3Feedback } from '../../src/feedback/index.js'
import { type PendingRelease, readBundle } from '../../src/releaser/index.js'
import { type BucketCredentials, type S3RegistryOptions, s3Registry, s3Store } from '../../src/s3.js'
import { openBucket } from '../../src/store/bucket/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { feedbackContract } from '../../src/testing/feedback-contract.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'
import { storeContract } from '../../src/testing/store-contract.js'
import { samples, world } from '../pipeline/harness.js'

const context = callContext()
/** A server of the protocol, with a bucket. */
export interface S3UnderTest {
  readonly endpoint: string
  readonly bucket: string
  readonly credentials: BucketCredentials
}

/** What the registry and the store in a bucket keep, whoever serves it. */
export function s3Suite(server: () => S3UnderTest): void {
  let folder: string
  let prefixes = 0

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sheikh-s3-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const fresh = (more: Partial<S3RegistryOptions> = {}): S3RegistryOptions => {
    prefixes += 1
    const { endpoint, credentials, bucket } = server()
    return { address: `s3://${bucket}/${process.pid}/p${prefixes}`, endpoint, credentials, ...more }
  }

  describe('s3Store', () => storeContract(it, async () => ({ store: s3Store(fresh()), dispose: async () => {} })))

  describe('s3Registry', () =>
    releaserContract(it, async () => {
      const options = fresh()
      return { releaser: s3Registry(options), reopen: () => s3Registry(options), dispose: async () => {} }
    }))

  describe('s3Feedback', () =>
    feedbackContract(it, async () => {
      const options = fresh()
      return { store: s3Feedback(options), reopen: () => s3Feedback(options), dispose: async () => {} }
    }))

  describe('s3Feedback with several processes', () => {
    const thumb = (name: string): FeedbackEntry => ({
      ...{ kind: 'feedback', id: name, prediction: 'r/0', timeMs: 1, source: 's' },
      content: { kind: 'thumb', isUp: true },
    })
    const idsIn = async (store: FeedbackStore) => {
      const ids: string[] = []
      for await (const { id } of store.read({}, context)) ids.push(id)
      return ids
    }

    it('erases what each of them erases, although the entries are in one object', async () => {
      const options = fresh()
      const names = Array.from({ length: 12 }, (_, index) => `f${index}`)
      await s3Feedback(options).append(names.map(thumb), context)
      await Promise.all(names.slice(0, 8).map((name) => s3Feedback(options).erase([name], context)))
      expect(await idsIn(s3Feedback(options))).toEqual(names.slice(8))
    })

    it('does not list all objects again for an id that nobody knows', async () => {
      const lists: unknown[] = []
      const info = ({ commandName, input, output }: Record<string, unknown>) => {
        const { Contents } = (output ?? {}) as { readonly Contents?: readonly unknown[] }
        const { StartAfter } = (input ?? {}) as { readonly StartAfter?: string }
        if (commandName === 'ListObjectsV2Command') lists.push([StartAfter?.slice(-12), Contents?.length ?? 0])
      }
      const logger = { info, debug() {}, trace() {}, warn() {}, error() {} }
      const store = s3Feedback(fresh({ client: { logger } }))
      for (const name of ['a', 'b', 'c']) await store.append([thumb(name)], context)
      for (const name of ['x', 'y']) expect(await store.prediction(name, context)).toBeUndefined()
      expect(lists.slice(-2)).toEqual([
        ['0000003.json', 0],
        ['0000003.json', 0],
      ])
    })
  })

  it('a run of one machine is released by another one that shares its store', async () => {
    const options = fresh()
    const store = () => s3Store(options)
    const releaser = s3Registry(fresh())
    const { pipeline } = world()
    const gpu = pipeline(samples, { store: store(), releaser })
    const { runId, status } = await gpu.run({ until: 'verdict' })
    expect([status, await gpu.history()]).toEqual(['awaiting-release', []])
    const trainer = fakeTrainer({ fitError: new Error('nothing should train here') })
    const hosted = pipeline(samples, { store: store(), releaser, trainer })
    expect(await hosted.release({ runId })).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    expect(await hosted.release({ runId })).toMatchObject({ status: 'up-to-date' })
  }, 60_000)

  /** Of a file in parts, a small one, one in a folder and an empty one. */
  async function bundleOf(config: string) {
    const directory = await mkdtemp(join(folder, 'bundle-'))
    await writeFile(join(directory, 'model.safetensors'), Buffer.alloc(36_000_000, 'weights'))
    await writeFile(join(directory, 'config.json'), config)
    await writeFile(join(directory, 'empty'), '')
    return await readBundle(directory, context)
  }
  const requestOf = async (version: string, config: string) => ({
    bundle: await bundleOf(config),
    version,
    postPublish: { withdraws: [] },
    record: { runId: version, atMs: 1 },
  })
  async function release(options: S3RegistryOptions, version: string, config = version): Promise<PendingRelease> {
    const registry = s3Registry(options)
    const pending = await registry.prepare(await requestOf(version, config), context)
    await registry.verify(pending, context)
    await registry.publish(pending, context)
    return pending
  }
  const weightsKey = ({ bundle }: PendingRelease) => `bundles/${bundle.slice('sha256:'.length)}/model.safetensors`

  it('sends a large file in parts, tells how far it is, and gives it back', async () => {
    const seen: string[] = []
    const options = fresh({
      onProgress: ({ direction, path, progress }) => seen.push(`${direction} ${path} ${progress}`),
    })
    await release(options, '1.0.0')
    const target = join(folder, 'opened')
    await s3Registry(options).open('1.0.0', target, context)
    expect(await readFile(join(target, 'config.json'), 'utf8')).toBe('1.0.0')
    for (const direction of ['upload', 'download'])
      expect(seen.filter((one) => one.startsWith(`${direction} model.safetensors`)).at(-1)).toMatch(/ 1$/)
    expect(seen.filter((one) => one.startsWith('upload model.safetensors')).length).toBe(3)
  })

  it('copies on the server what another bundle has, and sends it once only', async () => {
    const options = fresh()
    await release(options, '1.0.0')
    const sent: string[] = []
    const watched = { ...options, onProgress: ({ path }: { readonly path: string }) => sent.push(path) }
    await release(watched, '1.0.1')
    expect([...new Set(sent)].sort()).toEqual(['config.json'])
  })

  it('sends nothing for a bundle that it holds', async () => {
    const options = fresh()
    const { bundle, manifest } = await release(options, '1.0.0')
    const registry = s3Registry({ ...options, onProgress: () => expect.fail('a file was sent') })
    const pending = await registry.prepare(
      {
        bundle: { digest: bundle, manifest },
        version: '1.0.1',
        postPublish: { withdraws: [] },
        record: { runId: 'r', atMs: 2 },
      },
      context,
    )
    await registry.verify(pending, context)
    expect((await registry.publish(pending, context)).version).toBe('1.0.1')
  })

  it('finds bytes that were changed in the bucket, also of the same length', async () => {
    const options = fresh()
    const bucket = openBucket(options)
    const registry = s3Registry(options)
    const pending = await registry.prepare(await requestOf('1.0.0', 'right'), context)
    await bucket.put(weightsKey(pending), Buffer.alloc(36_000_000, 'weighty'), context)
    await expect(registry.verify(pending, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await expect(registry.publish(pending, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    // The next run sends again what is wrong.
    await registry.verify(await registry.prepare(await requestOf('1.0.0', 'right'), context), context)
    await registry.publish(pending, context)
    await bucket.put(weightsKey(pending), Buffer.alloc(36_000_000, 'weighty'), context)
    await expect(registry.open('1.0.0', join(folder, 'evil'), context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
    })
  })

  it('says what a document lacks, and where it stands', async () => {
    const options = fresh()
    const bucket = openBucket(options)
    await release(options, '1.0.0')
    const registry = s3Registry(options)
    for (const [key, text] of [
      ['releases/1.0.0.json', '{'],
      ['releases/1.0.0.json', '{"formatVersion":1}'],
      ['channels/latest/00000001.json', '{"version":"../x"}'],
    ] as const) {
      await bucket.put(key, Buffer.from(text), context)
      const asking = key.startsWith('channels')
        ? registry.current('latest', context)
        : registry.withdraw('1.0.0', 'x', context)
      await expect(asking).rejects.toMatchObject({ code: 'artifact-corrupt' })
    }
  })

  it('forgets a directory with a damaged or missing file, so that it can be kept again', async () => {
    const options = fresh()
    const bucket = openBucket(options)
    const { objects } = s3Store(options)
    const source = await mkdtemp(join(folder, 'source-'))
    await writeFile(join(source, 'a.txt'), 'one')
    await writeFile(join(source, 'empty'), '')
    const target = join(folder, 'kept-again')
    const key = `objects/sha256/${hexOf(digestBytes('one'))}`
    for (const damage of [() => bucket.put(key, Buffer.from('two'), context), () => bucket.remove(key, context)]) {
      const digest = await objects.putDirectory(source, context)
      await damage()
      await expect(objects.getDirectory(digest, target, context)).rejects.toMatchObject({
        code: 'artifact-corrupt',
        message: expect.stringContaining('"a.txt"') as unknown,
      })
      expect(await objects.has(digest)).toBe(false)
    }
    await objects.getDirectory(await objects.putDirectory(source, context), target, context)
    expect(await readFile(join(target, 'a.txt'), 'utf8')).toBe('one')
  })

  it('takes the lock over from who said nothing for longer than the lease', async () => {
    const options = fresh()
    const at = (nowMs: number) => callContext({ clock: { ...context.clock, nowMs: () => nowMs } })
    const dead = await s3Store(options).lock('run', at(0))
    await expect(s3Store(options).lock('next', at(140_000))).rejects.toMatchObject({ code: 'locked', retryable: true })
    await using next = await s3Store(options).lock('next', at(200_000))
    expect(next.token).toBe(dead.token + 1)
    await expect(dead.check()).rejects.toMatchObject({ code: 'locked' })
    // Whoever wakes up late takes nothing away.
    await dead.release()
    await next.check()
  })

  it.each(['models', 's3://', 's3://UPPER', 's3://models/../x', 's3://models/a?b', 'https://models'])(
    'takes %j for no address',
    (address) =>
      expect(() => s3Registry(fresh({ address }))).toThrow(expect.objectContaining({ code: 'invalid-options' })),
  )

  it('tells a bucket that is not there', async () => {
    const gone = s3Registry(fresh({ address: 's3://no-such-bucket' }))
    await expect(gone.current('latest', context)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('tells a server that is not to be reached as one to try again', async () => {
    const options = fresh({ endpoint: 'http://127.0.0.1:9', client: { maxAttempts: 1 } })
    await expect(s3Registry(options).current('latest', context)).rejects.toMatchObject({
      code: 'remote-failed',
      retryable: true,
    })
  })
}
