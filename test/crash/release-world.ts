import { spawn } from 'node:child_process'
import { cpSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { huggingFaceRegistry } from '../../src/releaser/huggingface/index.js'
import type { Release, Releaser } from '../../src/releaser/index.js'
import { type HubOptions, startHub } from '../../src/testing/hub/index.js'
import type { Ended } from './spawn-node.js'

const preload = resolve(import.meta.dirname, 'kill-at-write.mjs')
const program = resolve(import.meta.dirname, 'release-program.mjs')
const context = callContext()

export type Step = 'first' | 'second' | 'rollback'

/** A project's folder and a Hub, copied for each try. */
export interface World {
  readonly folder: string
  dispose(): Promise<void>
}

export async function copyOf(world: World | undefined): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
  if (world !== undefined) cpSync(world.folder, folder, { recursive: true })
  return { folder, dispose: () => rm(folder, { recursive: true, force: true }) }
}

export interface Running {
  /** Requests that the Hub got. */
  readonly requests: number
  readonly ended: Ended
}

/** Runs the program in the world. The hooks may kill it; all that the Hub was asked is done when this returns. */
export async function runIn(
  { folder }: World,
  rooms: string,
  step: Step,
  {
    environment = {},
    hooks,
  }: {
    readonly environment?: Readonly<Record<string, string>>
    readonly hooks?: (kill: () => void) => Pick<HubOptions, 'before' | 'after'>
  } = {},
): Promise<Running> {
  let kill = () => {}
  const hub = await startHub({ folder: join(folder, 'hub'), ...hooks?.(() => kill()) })
  try {
    const project = join(folder, 'project')
    const child = spawn(process.execPath, ['--import', preload, program, rooms, project, hub.url, step], {
      env: { ...process.env, NODE_OPTIONS: '', COUNT_UNDER: project, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    kill = () => void child.kill('SIGKILL')
    let output = ''
    child.stdout.on('data', (piece) => (output += piece))
    child.stderr.on('data', (piece) => (output += piece))
    const ended = await new Promise<Ended>((done, fail) => {
      child.on('error', fail)
      child.on('close', (code, signal) => done({ code, signal, output }))
    })
    return { ended, requests: hub.requests.length }
  } finally {
    await hub.close()
  }
}

/** What readers of one registry find. */
export interface Seen {
  readonly registry: string
  readonly current: string | undefined
  readonly versions: readonly string[]
  readonly bundles: readonly string[]
  readonly withdrawn: readonly string[]
}

export interface Inspection {
  readonly seen: readonly Seen[]
  /** Pending releases, branches and files that no release needs. */
  readonly left: readonly string[]
}

/** Reads both registries as their users do: every release is opened, every file hashed. @throws where one is not whole. */
export async function inspect({ folder }: World): Promise<Inspection> {
  const hub = await startHub({ folder: join(folder, 'hub') })
  try {
    const onDisk = directoryRegistry(join(folder, 'project/releases'))
    const onHub = huggingFaceRegistry({
      repository: 'me/spam',
      token: 'hf_crash',
      endpoint: hub.url,
      create: 'private',
    })
    const seen = [await read(onDisk), await read(onHub)]
    return { seen, left: [...(await leftOnDisk(folder, onDisk)), ...(await leftOnHub(hub.url, onHub))] }
  } finally {
    await hub.close()
  }
}

async function read(registry: Releaser): Promise<Seen> {
  const history: Release[] = []
  for await (const release of registry.history(context)) history.push(release)
  for (const { version } of history) {
    const target = await mkdtemp(join(tmpdir(), 'sheikh-open-'))
    try {
      await registry.open(version, target, context)
    } finally {
      await rm(target, { recursive: true, force: true })
    }
  }
  return {
    registry: registry.name,
    current: (await registry.current('latest', context))?.version,
    versions: history.map(({ version }) => version),
    bundles: history.map(({ bundle }) => bundle),
    withdrawn: history.filter(({ withdrawn }) => withdrawn !== undefined).map(({ version }) => version),
  }
}

async function leftOnDisk(folder: string, registry: Releaser): Promise<readonly string[]> {
  const root = join(folder, 'project/releases')
  const names = await readdir(root, { recursive: true }).catch(() => [])
  const bundles = new Set((await read(registry)).bundles.map((digest) => digest.replace('sha256:', '')))
  return names.filter((name) => {
    const [first, second] = name.split('/')
    if (first === 'pending') return second !== undefined
    if (first === 'bundles') return second !== undefined && !bundles.has(second)
    return !/^(releases|channels|withdrawals)(\/[\w.-]+(\/\d+\.json)?)?$/.test(name) || /\.tmp|\.part|~/.test(name)
  })
}

async function leftOnHub(url: string, registry: Releaser): Promise<readonly string[]> {
  const answer = await fetch(`${url}/api/models/me/spam/refs`, { headers: { authorization: 'Bearer hf_crash' } })
  if (!answer.ok) return []
  const { branches, tags } = (await answer.json()) as Record<'branches' | 'tags', readonly { readonly name: string }[]>
  const { versions } = await read(registry)
  return [
    ...branches.filter(({ name }) => name !== 'main').map(({ name }) => `branch ${name}`),
    ...tags.filter(({ name }) => !versions.includes(name.slice(1))).map(({ name }) => `tag ${name}`),
  ]
}
