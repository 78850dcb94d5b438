import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { type CallContext, callContext, isSheikhError } from '../../src/core/index.js'
import { type HuggingFaceOptions, huggingFaceRegistry } from '../../src/releaser/huggingface/index.js'
import { nextVersion, type PrepareRequest, type Release, type Releaser, readBundle } from '../../src/releaser/index.js'
import { type Hub, type HubFault, type HubOptions, type HubRequest, startHub } from '../../src/testing/hub/index.js'

/** Never to be seen again: `worldFor` looks for it in all that was logged, thrown and sent. */
export const token = 'hf_NobodyMayEverReadThis'
export const repository = 'me/spam'

export interface World {
  readonly hub: Hub
  readonly folder: string
  readonly context: CallContext
  /** What was logged. */
  readonly lines: readonly string[]
  readonly registry: Releaser
  open(options?: Partial<HuggingFaceOptions>): Releaser
  /** In place of every further request, until it is set again. */
  fault: (request: HubRequest) => HubFault | undefined
  lose: (request: HubRequest) => 'cut' | undefined
  /** A folder with these files. */
  write(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string>
  request(directory: string, version: string, more?: Partial<PrepareRequest>): Promise<PrepareRequest>
  /** What a rejected call ended with. */
  failure(
    call: Promise<unknown>,
  ): Promise<{ readonly code: string; readonly retryable: boolean; readonly message: string }>
  /** Somebody's commit. A path without content is deleted. */
  commit(branch: string, files: Readonly<Record<string, string | undefined>>): Promise<void>
  text(revision: string, path: string): Promise<string | undefined>
  ask(method: string, path: string, body?: unknown): Promise<Response>
}

/** A Hub, a registry and a person for one test. @param origin a folder of a Hub, to begin with a copy of it. */
export async function worldFor(
  options: Partial<HubOptions> & {
    readonly origin?: string
    readonly registry?: Partial<HuggingFaceOptions>
    /** @default when the test is over */
    readonly atEnd?: (close: () => Promise<void>) => void
  } = {},
): Promise<World> {
  const { origin, registry, atEnd = onTestFinished, ...hubOptions } = options
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-hub-'))
  if (origin !== undefined) cpSync(origin, join(folder, 'hub'), { recursive: true })
  const lines: string[] = []
  const seen: string[] = []
  const log = (message: string, facts?: unknown) => void lines.push(`${message} ${JSON.stringify(facts)}`)
  const context = callContext({ log: { debug: log, info: log, warn: log } })
  const nothing = () => undefined
  const world: { fault: World['fault']; lose: World['lose'] } = { fault: nothing, lose: nothing }
  const hub = await startHub({
    folder: join(folder, 'hub'),
    before: (request) => world.fault(request),
    after: (request) => world.lose(request),
    ...hubOptions,
  })
  atEnd(async () => {
    await hub.close()
    await rm(folder, { recursive: true })
    for (const line of [...lines, ...seen]) expect(line).not.toContain(token)
  })
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`${hub.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  const open: World['open'] = (more) =>
    huggingFaceRegistry({
      repository,
      token,
      endpoint: hub.url,
      create: 'private',
      patience: { attempts: 3, firstDelayMs: 0, longestDelayMs: 0 },
      ...registry,
      ...more,
    })
  return Object.assign(world, {
    hub,
    folder,
    context,
    lines,
    registry: open(),
    open,
    ask,
    async write(name: string, files: Readonly<Record<string, string | Uint8Array>>) {
      const directory = join(folder, 'bundles', name)
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(directory, path)), { recursive: true })
        await writeFile(join(directory, path), content)
      }
      return directory
    },
    async request(directory: string, version: string, more: Partial<PrepareRequest> = {}): Promise<PrepareRequest> {
      const postPublish = { channel: 'latest', withdraws: [] }
      return {
        bundle: await readBundle(directory, context),
        version,
        postPublish,
        record: { runId: `run ${version}`, atMs: 0 },
        ...more,
      }
    },
    async failure(call: Promise<unknown>) {
      const error: unknown = await call.then(
        () => expect.fail('nothing was thrown'),
        (thrown: unknown) => thrown,
      )
      seen.push(inspect(error, { depth: 9, showHidden: true }))
      expect(error, inspect(error)).toSatisfy((thrown: unknown) => isSheikhError(thrown))
      return error as Awaited<ReturnType<World['failure']>>
    },
    async commit(branch: string, files: Readonly<Record<string, string | undefined>>) {
      const changes = Object.entries(files).map(([path, content]) =>
        content === undefined
          ? { key: 'deletedFile', value: { path } }
          : { key: 'file', value: { path, content: Buffer.from(content).toString('base64'), encoding: 'base64' } },
      )
      const body = [{ key: 'header', value: { summary: 'By hand' } }, ...changes].map((line) => JSON.stringify(line))
      expect((await ask('POST', `/api/models/${repository}/commit/${branch}`, body.join('\n'))).status).toBe(200)
    },
    async text(revision: string, path: string) {
      const response = await ask('GET', `/${repository}/resolve/${revision}/${path}`)
      return response.ok ? await response.text() : undefined
    },
  })
}

/** What a run does with a registry: ends what an earlier one left, then releases, unless that was it. */
export async function release(world: World, registry: Releaser, directory: string): Promise<void> {
  const { context } = world
  for await (const { pending, publishing } of registry.pending(context))
    if (publishing) await registry.publish(pending, context)
    else await registry.discard(pending, context)
  const history = await historyOf(world, registry)
  const bundle = await readBundle(directory, context)
  if (history[0]?.bundle !== bundle.digest) {
    const version = nextVersion(history.map((one) => one.version))
    const pending = await registry.prepare(await world.request(directory, version), context)
    await registry.verify(pending, context)
    history.unshift(await registry.publish(pending, context))
  }
  const current = await registry.current('latest', context)
  if (current?.version !== history[0]!.version)
    await registry.point('latest', history[0]!.version, current?.version, context)
}

export async function historyOf({ context }: World, registry: Releaser): Promise<Release[]> {
  const found: Release[] = []
  for await (const one of registry.history(context)) found.push(one)
  return found
}

/** What a reader sees, every file of every release hashed. */
export async function readersSee(world: World, registry: Releaser = world.open()): Promise<string> {
  const { context, folder } = world
  const seen: string[] = []
  for (const { version, bundle } of await historyOf(world, registry)) {
    const target = await mkdtemp(join(folder, 'open-'))
    await registry.open(version, target, context)
    expect((await readBundle(target, context)).digest).toBe(bundle)
    await rm(target, { recursive: true })
    seen.push(version)
  }
  return `${(await registry.current('latest', context))?.version} of ${seen.join(', ')}`
}

/** A folder of a Hub with one release, 0.1.0 on `latest`, for `worldFor`. */
export async function originWith(files: Parameters<World['write']>[1]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-hub-'))
  const ends: (() => Promise<void>)[] = []
  const world = await worldFor({ atEnd: (close) => ends.push(close) })
  await release(world, world.registry, await world.write('one', files))
  expect(await readersSee(world)).toBe('0.1.0 of 0.1.0')
  cpSync(join(world.folder, 'hub'), folder, { recursive: true })
  for (const end of ends) await end()
  return folder
}

/** Bytes that do not repeat. */
export function bytesLike(seed: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  let state = seed
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}
