import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { huggingFaceRegistry } from '../../src/releaser/huggingface/index.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'
import {
  historyOf,
  originWith,
  readersSee,
  release,
  repository,
  token,
  type World,
  worldFor,
} from './huggingface-fixture.js'

const one = { 'config.json': '{}', 'model.bin': 'model one' }
const two = { 'config.json': '{}', 'model.bin': 'model two' }

interface Ref {
  readonly name: string
  readonly targetCommit: string
}
async function refsOf(world: World): Promise<{ readonly branches: readonly Ref[]; readonly tags: readonly Ref[] }> {
  const answer = await world.ask('GET', `/api/models/${repository}/refs`)
  return (await answer.json()) as Awaited<ReturnType<typeof refsOf>>
}
const headOf = async (world: World, branch = 'main') =>
  (await refsOf(world)).branches.find(({ name }) => name === branch)!.targetCommit
const tagOf = async (world: World, tag: string) =>
  (await refsOf(world)).tags.find(({ name }) => name === tag)?.targetCommit
const pathsAt = async (world: World, revision: string): Promise<readonly string[]> => {
  const entries = await (await world.ask('GET', `/api/models/${repository}/tree/${revision}?recursive=true`)).json()
  return (entries as readonly { readonly type: string; readonly path: string }[])
    .flatMap(({ type, path }) => (type === 'file' ? [path] : []))
    .sort()
}
const setTag = async (world: World, tag: string, commit: string) => {
  await world.ask('DELETE', `/api/models/${repository}/tag/${tag}`)
  expect((await world.ask('POST', `/api/models/${repository}/tag/${commit}`, { tag })).status).toBe(200)
}

let origin: string
beforeAll(async () => {
  origin = await originWith(one)
})
afterAll(() => rm(origin, { recursive: true }))

/** With 0.1.0 on `latest`, and what is asked for 0.1.1. */
async function withRelease(options?: Parameters<typeof worldFor>[0]) {
  const world = await worldFor({ origin, ...options })
  return { world, asked: await world.request(await world.write('two', two), '0.1.1') }
}

describe('people who commit to the same repository', () => {
  it('between preparation and publication: the release is whole, and what goes for it goes with a word', async () => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    const pending = await registry.prepare(asked, context)
    await world.commit('main', { 'README.md': 'My own words', 'notes/idea.md': 'An idea', LICENSE: 'Apache' })
    const theirs = await headOf(world)
    await registry.publish(pending, context)
    expect(await readersSee(world)).toBe('0.1.1 of 0.1.1, 0.1.0')
    expect(await pathsAt(world, 'main')).toEqual([
      '.gitattributes',
      'LICENSE',
      'README.md',
      'config.json',
      'model.bin',
      'sheikh-release.json',
    ])
    expect(await world.text('main', 'README.md')).toContain('0.1.1')
    expect(await world.text(theirs, 'README.md')).toBe('My own words')
    const warned = world.lines.filter((line) => line.includes('were changed on'))
    expect(warned).toHaveLength(1)
    expect(warned[0]).toMatch(/notes\/idea\.md, README\.md\. They remain in the history at [0-9a-f]{40}/)
    expect(warned[0]).toContain(theirs)
  })

  itInFull('between the publication’s commit and its tag: the tag stands on the commit of the release', async () => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    const pending = await registry.prepare(asked, context)
    world.fault = ({ path }) => (path.includes('/tag/') ? { status: 403 } : undefined)
    expect(await world.failure(registry.publish(pending, context))).toMatchObject({ code: 'access-denied' })
    world.fault = () => undefined
    const ours = await headOf(world)
    await world.commit('main', { 'README.md': 'My own words', 'idea.md': 'An idea' })
    await world.commit('main', { 'idea.md': 'Another' })
    const listed = []
    for await (const found of world.open().pending(context)) listed.push(found)
    expect(listed).toEqual([{ pending, publishing: true }])
    await world.open().publish(pending, context)
    expect(await tagOf(world, 'v0.1.1')).toBe(ours)
    expect(await world.text('main', 'README.md')).toBe('My own words')
    expect(await readersSee(world)).toBe('0.1.1 of 0.1.1, 0.1.0')
  })

  it('who made the tag: nothing is shown under it, and the error says what to do', async () => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    await world.commit('main', { LICENSE: 'Apache' })
    await setTag(world, 'v0.1.1', await headOf(world))
    // The head of main still holds the document of 0.1.0.
    expect(await world.failure(registry.prepare(asked, context))).toMatchObject({ code: 'artifact-corrupt' })
    await world.ask('DELETE', `/api/models/${repository}/tag/v0.1.1`)
    await world.ask('POST', `/api/models/${repository}/branch/theirs`, { emptyBranch: true })
    await setTag(world, 'v0.1.1', await headOf(world, 'theirs'))
    const error = await world.failure(registry.prepare(asked, context))
    expect(error).toMatchObject({ code: 'release-conflict', retryable: false })
    expect(error.message).toContain('Delete the tag on the Hub')
    await world.ask('DELETE', `/api/models/${repository}/tag/v0.1.1`)
    const pending = await registry.prepare(asked, context)
    await setTag(world, 'v0.1.1', await headOf(world, 'theirs'))
    expect(await world.failure(registry.publish(pending, context))).toMatchObject({ code: 'release-conflict' })
    expect((await historyOf(world, registry)).map(({ version }) => version)).toEqual(['0.1.0'])
    expect((await registry.current('latest', context))?.version).toBe('0.1.0')
  })

  it('who moved a tag to another release are told', async () => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    await registry.publish(await registry.prepare(asked, context), context)
    await setTag(world, 'v0.1.0', (await tagOf(world, 'v0.1.1'))!)
    const target = join(world.folder, 'open')
    const error = await world.failure(world.open().open('0.1.0', target, context))
    expect(error).toMatchObject({ code: 'artifact-corrupt' })
    expect(error.message).toContain('Somebody created or moved the tag')
  })

  it('who keep a model there already are asked first: nothing is sent', async () => {
    const world = await worldFor()
    await world.ask('POST', '/api/repos/create', { name: 'spam', organization: 'me', type: 'model' })
    await world.commit('main', { 'README.md': 'Mine', 'pytorch_model.txt': 'weights' })
    const asked = await world.request(await world.write('one', one), '0.1.0')
    const error = await world.failure(world.registry.prepare(asked, world.context))
    expect(error).toMatchObject({ code: 'release-rejected', facts: { paths: ['pytorch_model.txt'] } })
    expect((await refsOf(world)).branches.map(({ name }) => name)).toEqual(['main'])
    await world.commit('main', { 'pytorch_model.txt': undefined })
    await release(world, world.registry, join(world.folder, 'bundles/one'))
    expect(world.lines.filter((line) => line.includes('were changed on'))).toHaveLength(1)
    expect(await readersSee(world)).toBe('0.1.0 of 0.1.0')
  })

  it.each([
    ['changes a file of a pending release', { 'model.bin': 'model 2wo' }, /"model\.bin" differs from the release/],
    ['deletes one', { 'model.bin': undefined }, /"model\.bin" is missing/],
    ['adds one', { 'pickle.bin': 'evil' }, /"pickle\.bin" belongs to no release/],
  ])('and %s: it is not verified, nor published', async (_, change, message) => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    const pending = await registry.prepare(asked, context)
    const [branch] = (await refsOf(world)).branches.flatMap(({ name }) => (name.startsWith('pending-') ? [name] : []))
    await world.commit(branch!, change)
    const error = await world.failure(registry.verify(pending, context))
    expect(error.code).toBe('artifact-corrupt')
    expect(error.message).toMatch(message)
    if (!('pickle.bin' in change)) {
      expect(await world.failure(registry.publish(pending, context))).toMatchObject({ code: 'artifact-corrupt' })
      expect((await historyOf(world, registry)).map(({ version }) => version)).toEqual(['0.1.0'])
    }
  })

  it('and write a document by hand: no path climbs, and another bundle is found', async () => {
    const { world } = await withRelease()
    const document = JSON.parse((await world.text('main', 'sheikh-release.json'))!)
    const files = document.manifest.files as { path: string }[]
    const forged = [
      { ...document, manifest: { ...document.manifest, files: [{ ...files[0], path: '../../evil' }] } },
      { ...document, manifest: { ...document.manifest, files: [files[0]] } },
      { ...document, formatVersion: 2 },
      'not an object',
    ]
    for (const [index, one] of forged.entries()) {
      await world.commit('main', { 'sheikh-release.json': JSON.stringify(one).padEnd(index) })
      await setTag(world, 'v0.1.0', await headOf(world))
      const opening = world.open().open('0.1.0', join(world.folder, `open-${index}`), world.context)
      expect((await world.failure(opening)).code).toMatch(/^(artifact-corrupt|not-found)$/)
    }
    await world.commit('main', { 'sheikh-release.json': JSON.stringify(document), 'model.bin': 'model 1ne' })
    await setTag(world, 'v0.1.0', await headOf(world))
    const error = await world.failure(world.open().open('0.1.0', join(world.folder, 'open'), world.context))
    expect(error.code).toBe('artifact-corrupt')
  })
})

describe('two runs at once', () => {
  it('that publish one version: the later is told before it shows anything', async () => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    const other = world.open()
    const theirs = await other.prepare(
      await world.request(await world.write('three', { 'model.bin': 'model three' }), '0.1.1'),
      context,
    )
    const pending = await registry.prepare(asked, context)
    // The other run has made its commit, and not yet its tag.
    world.fault = ({ path }) => (path.includes('/tag/') ? { status: 403 } : undefined)
    await world.failure(other.publish(theirs, context))
    world.fault = () => undefined
    const head = await headOf(world)
    const error = await world.failure(registry.publish(pending, context))
    expect(error).toMatchObject({ code: 'release-conflict', retryable: true })
    expect(await headOf(world)).toBe(head)
    await other.publish(theirs, context)
    expect(await readersSee(world)).toBe('0.1.1 of 0.1.1, 0.1.0')
  })

  itInFull('that move the branch between look and act: both come through, one after the other', async () => {
    const { world, asked } = await withRelease()
    const { registry, context } = world
    const pending = await registry.prepare(asked, context)
    await Promise.all([
      registry.publish(pending, context),
      world.open().withdraw('0.1.0', 'bad', context),
      world.open().withdraw('0.1.0', 'bad', context),
    ])
    const history = await historyOf(world, world.open())
    expect(history.map(({ version, withdrawn }) => [version, withdrawn?.reason])).toEqual([
      ['0.1.1', undefined],
      ['0.1.0', 'bad'],
    ])
  })
})

describe('who may', () => {
  const tokens = [
    { token, role: 'write' },
    { token: 'hf_OnlyReadsWhatIsThere', role: 'read' },
    { token: 'hf_ExpiredLastChristmas', role: 'write', expired: true },
  ] as const
  const cases: readonly (readonly [string, string | undefined, RegExp])[] = [
    ['no token', undefined, /the token is missing/],
    ['an empty one', '', /the token is missing/],
    ['one of another kind', 'ghp_NotOfTheHubAtAllButGitHubs', /not a Hub token, which begins with "hf_"/],
    ['one that nobody knows', 'hf_NobodyKnowsThisToken', /401.*not expired/],
    ['one that expired', 'hf_ExpiredLastChristmas', /401, "User Access Token is expired"/],
    ['one with a line break', `${token}\nx`, /as one line/],
    ['one that only reads', 'hf_OnlyReadsWhatIsThere', /403.*the right to write/],
  ]
  it.each(sampleOf(cases, 4))(
    '%s: is told what is wrong with it, and shown it nowhere',
    async (name, given, message) => {
      const { world, asked } = await withRelease({ tokens })
      const registry = world.open({ create: undefined, token: given })
      const { context } = world
      const mayRead = name === 'one that only reads'
      if (mayRead) expect(await readersSee(world, registry)).toBe('0.1.0 of 0.1.0')
      const pending = await world.registry.prepare(asked, context)
      const calls = [
        ...(mayRead ? [] : [() => registry.current('latest', context), () => registry.verify(pending, context)]),
        () => registry.prepare({ ...asked, version: '0.1.2' }, context),
        () => registry.publish(pending, context),
        () => registry.withdraw('0.1.0', 'bad', context),
      ]
      for (const call of calls) {
        const error = await world.failure(call())
        expect(error.code).toBe('access-denied')
        if (given) expect(error.message).not.toContain(given.slice(0, 12))
      }
      const error = await world.failure(registry.discard(pending, context))
      expect(error.code).toBe('access-denied')
      expect(error.message).toMatch(message)
      expect(await readersSee(world)).toBe('0.1.0 of 0.1.0')
    },
  )

  it('without a token read what is public, and are told that they cannot write before anything is asked', async () => {
    const { world, asked } = await withRelease()
    await world.ask('PUT', `/api/models/${repository}/settings`, { private: false })
    const reader = world.open({ token: undefined, create: undefined })
    expect(await readersSee(world, reader)).toBe('0.1.0 of 0.1.0')
    const error = await world.failure(reader.prepare(asked, world.context))
    expect(error.code).toBe('access-denied')
    expect(error.message).toContain('the token is missing')
  })

  it('keep a repository under its new name, or none', async () => {
    const { world } = await withRelease()
    await world.ask('POST', '/api/repos/move', { fromRepo: repository, toRepo: 'me/ham', type: 'model' })
    expect(await readersSee(world)).toBe('0.1.0 of 0.1.0')
    await release(world, world.open(), await world.write('two', two))
    expect(await readersSee(world, world.open({ repository: 'me/ham' }))).toBe('0.1.1 of 0.1.1, 0.1.0')
    await world.ask('DELETE', '/api/repos/delete', { name: 'ham', organization: 'me', type: 'model' })
    const gone = world.open({ repository: 'me/ham', create: undefined })
    expect(await world.failure(gone.current('latest', world.context))).toMatchObject({ code: 'not-found' })
    expect(await world.open({ repository: 'me/ham' }).current('latest', world.context)).toBe(undefined)
  })

  it.each([
    'spam',
    'me/',
    '/spam',
    'me/../you',
    'me/spam/more',
    'https://huggingface.co/me/spam',
    'spaces/me/spam',
    '',
  ])('name a repository as the Hub does, and not %j', (name) =>
    expect(() => huggingFaceRegistry({ repository: name })).toThrow('Write it like "name/model"'),
  )
})
