import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext, digestBytes, isSheikhError } from '../core/index.js'
import {
  type Bundle,
  type PendingRelease,
  type PostPublishActions,
  type PrepareRequest,
  type Release,
  type Releaser,
  readBundle,
} from '../releaser/index.js'
import type { ContractTest } from './contract-test.js'

export interface ReleaserUnderTest {
  /** A new, empty registry. */
  readonly releaser: Releaser
  /** Opens the same registry as another process would. Absent if the registry does not outlive the process. */
  readonly reopen?: (() => Releaser) | undefined
  dispose(): Promise<void>
}

/** Tests that a registry fulfils the `Releaser` contract. Pass your runner's `test` and a function that creates new, empty registries. */
export function releaserContract(test: ContractTest, make: () => Promise<ReleaserUnderTest>): void {
  const check = (name: string, body: (world: World) => Promise<void>) =>
    test(`a registry ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sheikh-releaser-'))
      const { releaser, reopen, dispose } = await make()
      try {
        await body(worldOf(releaser, reopen ?? (() => releaser), folder))
      } finally {
        await dispose()
        await rm(folder, { recursive: true, force: true })
      }
    })

  check('is empty at first', async ({ releaser, versions }) => {
    assert.equal(await releaser.current('latest', context), undefined)
    assert.deepEqual(await versions(), [])
    assert.deepEqual(await pendingIn(releaser), [])
  })

  check(
    'hides what is prepared from readers, and lists it for whoever goes on',
    async ({ releaser, reopen, stage, versions }) => {
      const pending = await stage('0.1.0', 'one')
      assert.deepEqual(await versions(), [])
      assert.deepEqual(await pendingIn(reopen()), [pending])
      assert.deepEqual(JSON.parse(JSON.stringify(pending)), pending)
      await assert.rejects(releaser.point('latest', '0.1.0', undefined, context), coded('not-found'))
    },
  )

  check('takes the same request twice as one pending release', async ({ releaser, stage }) => {
    const first = await stage('0.1.0', 'one')
    assert.deepEqual(await stage('0.1.0', 'one'), first)
    assert.equal((await pendingIn(releaser)).length, 1)
  })

  check('publishes a version whole, and harmlessly again', async ({ releaser, reopen, stage, versions }) => {
    const pending = await stage('0.1.0', 'one')
    await releaser.verify(pending, context)
    const release = await releaser.publish(pending, context)
    assert.equal(release.version, '0.1.0')
    assert.equal(release.bundle, pending.bundle)
    assert.deepEqual(release.postPublish, pending.postPublish)
    assert.deepEqual(await reopen().publish(pending, context), release)
    assert.deepEqual(await versions(), ['0.1.0'])
    assert.deepEqual(await pendingIn(releaser), [])
  })

  check('gives a version to one release only', async ({ releaser, stage, release }) => {
    const other = await stage('0.1.0', 'two')
    await release('0.1.0', 'one')
    await assert.rejects(releaser.publish(other, context), coded('release-conflict'))
    await assert.rejects(stage('0.1.0', 'three'), coded('release-conflict'))
  })

  check('points a channel by compare-and-set', async ({ releaser, release }) => {
    await release('0.1.0', 'one')
    await release('0.1.1', 'two')
    await releaser.point('latest', '0.1.0', undefined, context)
    await assert.rejects(releaser.point('latest', '0.1.1', undefined, context), coded('release-conflict'))
    await releaser.point('latest', '0.1.1', '0.1.0', context)
    await releaser.point('latest', '0.1.1', '0.1.0', context)
    assert.equal((await releaser.current('latest', context))?.version, '0.1.1')
    assert.equal(await releaser.current('other', context), undefined)
    const racing = await Promise.allSettled([
      releaser.point('race', '0.1.0', undefined, context),
      releaser.point('race', '0.1.1', undefined, context),
    ])
    assert.equal(racing.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of racing)
      if (outcome.status === 'rejected') assert.ok(isSheikhError(outcome.reason, 'release-conflict'))
    await assert.rejects(releaser.point('latest', '9.9.9', '0.1.1', context), coded('not-found'))
    assert.equal((await releaser.current('latest', context))?.version, '0.1.1')
  })

  check(
    'lists releases by order of publication, newest first, whatever the clock says',
    async ({ release, versions }) => {
      await release('0.1.0', 'one', 3000)
      await release('0.1.1', 'two', 1000)
      await release('0.1.2', 'one', 2000)
      assert.deepEqual(await versions(), ['0.1.2', '0.1.1', '0.1.0'])
    },
  )

  check('withdraws for good, keeping the first reason', async ({ releaser, reopen, release }) => {
    await release('0.1.0', 'one')
    await releaser.point('latest', '0.1.0', undefined, context)
    await releaser.withdraw('0.1.0', 'bad', context)
    await releaser.withdraw('0.1.0', 'worse', context)
    assert.equal((await reopen().current('latest', context))?.withdrawn?.reason, 'bad')
    await assert.rejects(releaser.withdraw('9.9.9', 'bad', context), coded('not-found'))
  })

  check('discards a pending release, and never a release', async ({ releaser, stage, release, open }) => {
    const released = await release('0.1.0', 'one')
    const pending = await stage('0.1.1', 'one')
    await releaser.discard(pending, context)
    await releaser.discard(pending, context)
    await releaser.discard(released, context)
    assert.deepEqual(await pendingIn(releaser), [])
    assert.equal(await open('0.1.0'), 'one')
  })

  check(
    'opens a release as it was released, into an empty folder only',
    async ({ releaser, release, open, folder }) => {
      const { bundle } = await release('0.1.0', 'one')
      await release('0.1.1', 'two')
      assert.equal(await open('0.1.0'), 'one')
      const opened = await releaser.open('0.1.1', await mkdtemp(join(folder, 'open-')), context)
      assert.equal((await readBundle(opened.directory, context)).digest, opened.digest)
      assert.notEqual(opened.digest, bundle)
      await assert.rejects(releaser.open('0.1.0', opened.directory, context), coded('invalid-options'))
      await assert.rejects(releaser.open('9.9.9', await mkdtemp(join(folder, 'open-')), context), coded('not-found'))
    },
  )

  check('refuses a bundle that changed since it was read', async ({ releaser, request }) => {
    const asked = await request('0.1.0', 'one')
    await writeFile(join(asked.bundle.directory, 'model.bin'), 'changed')
    await assert.rejects(releaser.prepare(asked, context), coded('artifact-corrupt'))
    assert.deepEqual(await pendingIn(releaser), [])
  })

  check('stages what it holds by its digest alone, and says where it does not hold it', async (world) => {
    const { releaser, release, request, stage, open } = world
    await release('0.1.0', 'one')
    await release('0.1.1', 'two')
    const { bundle, ...asked } = await request('0.1.2', 'one')
    const { directory: _, ...named } = bundle
    const pending = await releaser.prepare({ ...asked, bundle: named }, context)
    await releaser.verify(pending, context)
    await releaser.publish(pending, context)
    assert.equal(await open('0.1.2'), 'one')
    const { directory: _other, ...never } = (await request('0.1.3', 'never prepared')).bundle
    await assert.rejects(releaser.prepare({ ...asked, version: '0.1.3', bundle: never }, context), coded('not-found'))
    await stage('0.1.3', 'three')
  })

  check('says where every channel points', async ({ releaser, reopen, release }) => {
    assert.deepEqual(await releaser.channels(context), {})
    await release('0.1.0', 'one')
    await release('0.1.1', 'two')
    await releaser.point('latest', '0.1.1', undefined, context)
    await releaser.point('production', '0.1.0', undefined, context)
    assert.deepEqual(await reopen().channels(context), { latest: '0.1.1', production: '0.1.0' })
  })

  check(
    'removes the files of a release and keeps all else',
    async ({ releaser, reopen, release, open, stage, folder }) => {
      await release('0.1.0', 'one')
      await release('0.1.1', 'two')
      await release('0.1.2', 'one')
      await release('0.1.3', 'three')
      await releaser.point('latest', '0.1.3', undefined, context)
      await assert.rejects(releaser.remove('0.1.3', context), coded('release-conflict'))
      await assert.rejects(releaser.remove('9.9.9', context), coded('not-found'))
      await releaser.withdraw('0.1.1', 'bad', context)
      for (const version of ['0.1.0', '0.1.1', '0.1.1'])
        await releaser.remove(version, callContext({ clock: { nowMs: () => 7 } }))
      // Another release has the same bytes.
      assert.equal(await open('0.1.2'), 'one')
      await assert.rejects(releaser.open('0.1.1', join(folder, 'removed'), context), coded('not-found'))
      const seen: unknown[] = []
      for await (const { version, removedAtMs, withdrawn } of reopen().history(context))
        seen.push([version, removedAtMs, withdrawn?.reason])
      assert.deepEqual(seen, [
        ['0.1.3', undefined, undefined],
        ['0.1.2', undefined, undefined],
        ['0.1.1', 7, 'bad'],
        ['0.1.0', 7, undefined],
      ])
      await assert.rejects(stage('0.1.1', 'another'), coded('release-conflict'))
      const again = await stage('0.1.4', 'two')
      await releaser.verify(again, context)
      await releaser.publish(again, context)
      assert.equal(await open('0.1.4'), 'two')
    },
  )

  check('is described in JSON', async ({ releaser }) => {
    assert.equal(releaser.contract, 1)
    assert.notEqual(releaser.name, '')
    assert.deepEqual(JSON.parse(JSON.stringify(releaser.describe())), releaser.describe())
  })

  check('keeps postPublish and record with the release, for whoever goes on', async ({ releaser, reopen, request }) => {
    const asked: PrepareRequest & { readonly bundle: Bundle } = {
      ...(await request('1.0.0-rc.1+build.5', 'one')),
      postPublish: {
        channel: 'latest',
        replaces: null,
        withdraws: ['0.1.0'],
        reason: 'worse',
        sourceKey: digestBytes('source'),
      },
      record: {
        runId: 'run',
        atMs: 7,
        commit: 'c0ffee',
        metrics: { accuracy: 0.5, recall: null },
        stages: { scan: ['fine'] },
      },
    }
    const at = callContext({ clock: { nowMs: () => 42 } })
    const release = await releaser.publish(await releaser.prepare(asked, context), at)
    assert.equal(release.publishedAtMs, 42)
    assert.equal(release.withdrawn, undefined)
    assert.deepEqual(release.manifest, asked.bundle.manifest)
    for await (const read of reopen().history(context)) assert.deepEqual(JSON.parse(JSON.stringify(read)), release)
    assert.deepEqual(release.postPublish, asked.postPublish)
    assert.deepEqual(release.record, asked.record)
  })

  check('goes on with a pending release from what it lists alone', async ({ reopen, stage, open }) => {
    await stage('0.1.0', 'one')
    const [listed] = await pendingIn(reopen())
    const read = JSON.parse(JSON.stringify(listed)) as PendingRelease
    await reopen().verify(read, context)
    await reopen().publish(read, context)
    assert.equal(await open('0.1.0'), 'one')
  })

  check('keeps a pending release apart from others, and prepares anew what was discarded', async (world) => {
    const { releaser, stage, open } = world
    const [one, two] = [await stage('0.1.0', 'one'), await stage('0.1.1', 'one')]
    await releaser.discard(one, context)
    assert.deepEqual(await pendingIn(releaser), [two])
    await releaser.verify(two, context)
    await releaser.discard(two, context)
    const again = await stage('0.1.0', 'one')
    await releaser.verify(again, context)
    await releaser.publish(again, context)
    assert.equal(await open('0.1.0'), 'one')
  })

  check('does not verify or publish what it does not hold', async ({ releaser, stage, request, versions }) => {
    const pending = await stage('0.1.0', 'one')
    const { bundle } = await request('0.1.0', 'never prepared')
    const absent: PendingRelease = { ...pending, bundle: bundle.digest, manifest: bundle.manifest }
    await assert.rejects(releaser.verify(absent, context), coded('release-conflict'))
    await assert.rejects(releaser.publish(absent, context), coded('release-conflict'))
    assert.deepEqual(await versions(), [])
  })

  check('does not verify or publish what another process discarded', async ({ reopen, releaser, stage, versions }) => {
    const pending = await stage('0.1.0', 'one')
    await releaser.verify(pending, context)
    await reopen().discard(pending, context)
    for (const call of [() => releaser.verify(pending, context), () => releaser.publish(pending, context)])
      await assert.rejects(
        call(),
        (error) => isSheikhError(error, 'release-conflict') && error.retryable && error.facts['version'] === '0.1.0',
      )
    assert.deepEqual(await versions(), [])
  })

  check(
    'gives a version to one run only, also of the same bundle',
    async ({ releaser, release, request, versions }) => {
      await release('0.1.0', 'one')
      const asked = await request('0.1.0', 'one')
      const publishOther = async () =>
        releaser.publish(
          await releaser.prepare({ ...asked, record: { ...asked.record, runId: 'other' } }, context),
          context,
        )
      await assert.rejects(publishOther(), coded('release-conflict'))
      assert.deepEqual(await versions(), ['0.1.0'])
    },
  )

  check('withdraws nothing but what it is told, and moves no channel for it', async ({ releaser, release }) => {
    await release('0.1.0', 'one')
    await release('0.1.1', 'two')
    await releaser.point('latest', '0.1.1', undefined, context)
    await releaser.withdraw('0.1.1', 'bad', callContext({ clock: { nowMs: () => 9 } }))
    const current = await releaser.current('latest', context)
    assert.deepEqual([current?.version, current?.withdrawn], ['0.1.1', { reason: 'bad', atMs: 9 }])
    await releaser.point('latest', '0.1.0', '0.1.1', context)
    assert.equal((await releaser.current('latest', context))?.withdrawn, undefined)
  })

  check('refuses what is no version', async ({ releaser, request, folder }) => {
    const asked = await request('0.1.0', 'one')
    for (const version of ['', 'v1.0.0', '1.0', '../1.0.0', '1.0.0/..', 'latest']) {
      await assert.rejects(releaser.prepare({ ...asked, version }, context), coded('invalid-options'))
      await assert.rejects(releaser.open(version, join(folder, 'absent'), context), coded('not-found'))
    }
    assert.deepEqual(await pendingIn(releaser), [])
  })

  check('makes the folder that it opens a release into', async ({ releaser, release, folder }) => {
    const { bundle, manifest } = await release('0.1.0', 'one')
    const directory = join(folder, 'deep', 'er')
    assert.deepEqual(await releaser.open('0.1.0', directory, context), { digest: bundle, manifest, directory })
    assert.deepEqual((await readBundle(directory, context)).manifest, manifest)
  })

  check('stops in every method when it is aborted, and does nothing', async (world) => {
    const { releaser, release, stage, folder, versions } = world
    const reason = { why: 'enough' }
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    await release('0.1.0', 'one')
    const pending = await stage('0.1.1', 'two')
    const calls: readonly (() => Promise<unknown>)[] = [
      () => releaser.verify(pending, aborted),
      () => releaser.publish(pending, aborted),
      () => releaser.point('latest', '0.1.0', undefined, aborted),
      () => releaser.discard(pending, aborted),
      () => releaser.withdraw('0.1.0', 'bad', aborted),
      () => releaser.channels(aborted),
      () => releaser.remove('0.1.0', aborted),
      () => releaser.open('0.1.0', join(folder, 'absent'), aborted),
      () => releaser.history(aborted)[Symbol.asyncIterator]().next(),
      () => releaser.pending(aborted)[Symbol.asyncIterator]().next(),
    ]
    for (const call of calls) await assert.rejects(call(), (error) => error === reason)
    assert.deepEqual(await versions(), ['0.1.0'])
    assert.deepEqual(await pendingIn(releaser), [pending])
    assert.equal(await releaser.current('latest', context), undefined)
  })

  check('stops when it is aborted, with the reason untouched', async ({ releaser, request }) => {
    const reason = { why: 'enough' }
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    await assert.rejects(releaser.prepare(await request('0.1.0', 'one'), aborted), (error) => error === reason)
    await assert.rejects(releaser.current('latest', aborted), (error) => error === reason)
  })
}

const context = callContext()
const coded = (code: Parameters<typeof isSheikhError>[1]) => (error: unknown) => isSheikhError(error, code)

interface World {
  readonly releaser: Releaser
  readonly reopen: () => Releaser
  readonly folder: string
  request(version: string, content: string): Promise<PrepareRequest & { readonly bundle: Bundle }>
  stage(version: string, content: string): Promise<PendingRelease>
  release(version: string, content: string, atMs?: number): Promise<Release>
  versions(): Promise<readonly string[]>
  /** The content of an opened release. */
  open(version: string): Promise<string>
}

function worldOf(releaser: Releaser, reopen: () => Releaser, folder: string): World {
  // Of no channel: a registry may move the channel of `postPublish` when it publishes.
  const postPublish: PostPublishActions = { withdraws: [] }
  const request = async (version: string, content: string) => ({
    bundle: await bundleOf(folder, content),
    version,
    postPublish,
    record: { runId: `run-${version}-${content}`, atMs: 0 },
  })
  const stage = async (version: string, content: string) => releaser.prepare(await request(version, content), context)
  return {
    releaser,
    reopen,
    folder,
    request,
    stage,
    release: async (version, content, atMs = 0) =>
      releaser.publish(await stage(version, content), callContext({ clock: { nowMs: () => atMs } })),
    async versions() {
      const found: string[] = []
      for await (const { version } of reopen().history(context)) found.push(version)
      return found
    },
    async open(version) {
      const { directory } = await reopen().open(version, await mkdtemp(join(folder, 'open-')), context)
      return readFile(join(directory, 'model.bin'), 'utf8')
    },
  }
}

async function bundleOf(folder: string, content: string): Promise<Bundle> {
  const directory = await mkdtemp(join(folder, 'bundle-'))
  await mkdir(join(directory, 'prompts/inference'), { recursive: true })
  await writeFile(join(directory, 'model.bin'), content)
  await writeFile(join(directory, 'prompts/inference/a.txt'), 'a prompt')
  return readBundle(directory, context)
}

async function pendingIn(releaser: Releaser): Promise<readonly PendingRelease[]> {
  const found: PendingRelease[] = []
  for await (const { pending } of releaser.pending(context)) found.push(pending)
  return found
}
