import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import git from 'isomorphic-git'
import { refuse } from './answer.js'
import { fs } from './git-files.js'
import { writeWhole } from './write-whole.js'

export const repositoryKinds = ['models', 'datasets', 'spaces'] as const
export type RepositoryKind = (typeof repositoryKinds)[number]

export interface HubRepository {
  readonly kind: RepositoryKind
  /** `namespace/name`. */
  readonly name: string
  readonly id: string
  readonly isPrivate: boolean
  readonly createdAt: string
  /** A bare Git repository; its large files lie in it too, as git-lfs lays them out. */
  readonly gitdir: string
}

export interface Repositories {
  find(kind: RepositoryKind, name: string): Promise<HubRepository | undefined>
  movedTo(kind: RepositoryKind, name: string): Promise<string | undefined>
  /** `undefined`: the name is taken. */
  create(
    as: Omit<HubRepository, 'gitdir' | 'id'>,
    fill: (made: HubRepository) => Promise<void>,
  ): Promise<HubRepository | undefined>
  describe(repository: HubRepository, isPrivate: boolean): Promise<void>
  delete(repository: HubRepository): Promise<void>
  /** `false`: the new name is taken. */
  move(repository: HubRepository, name: string): Promise<boolean>
  /** Runs one after the other what writes to a repository. */
  exclusive<V>(repository: HubRepository, work: () => Promise<V>): Promise<V>
}

const part = '(?!.*(?:--|\\.\\.))[A-Za-z0-9_](?:[\\w.-]{0,94}[\\w])?'
const pattern = new RegExp(`^${part}/${part}$`)

export function repositories(folder: string): Repositories {
  const gitdirOf = (kind: RepositoryKind, name: string) => join(folder, kind, `${name}.git`)
  const traceOf = (kind: RepositoryKind, name: string) => join(folder, kind, `${name}.moved`)
  const isName = (name: string) => pattern.test(name) && !name.endsWith('.git')
  const queues = new Map<string, Promise<unknown>>()
  const describe = ({ gitdir, id, createdAt }: HubRepository, isPrivate: boolean) =>
    writeWhole(join(gitdir, 'hub.json'), JSON.stringify({ id, isPrivate, createdAt }))

  return {
    describe,

    async find(kind, name) {
      if (!isName(name)) return undefined
      const gitdir = gitdirOf(kind, name)
      const text = await readIfThere(join(gitdir, 'hub.json'))
      return text === undefined ? undefined : { ...JSON.parse(text), kind, name, gitdir }
    },

    movedTo: async (kind, name) => (isName(name) ? readIfThere(traceOf(kind, name)) : undefined),

    async create({ kind, name, isPrivate, createdAt }, fill) {
      if (!isName(name)) throw refuse(400, `Invalid repository name: ${name}`)
      const gitdir = gitdirOf(kind, name)
      const making = join(folder, 'incoming', randomUUID())
      const made = { kind, name, id: randomBytes(12).toString('hex'), isPrivate, createdAt, gitdir: making }
      await mkdir(making, { recursive: true })
      try {
        await git.init({ fs, gitdir: making, bare: true, defaultBranch: 'main' })
        await describe(made, isPrivate)
        await fill(made)
        await mkdir(dirname(gitdir), { recursive: true })
        if (!(await renamed(making, gitdir))) return undefined
      } finally {
        await rm(making, { recursive: true, force: true })
      }
      await rm(traceOf(kind, name), { force: true })
      return { ...made, gitdir }
    },

    async delete({ gitdir }) {
      // A half of a repository is never to be found.
      const leaving = join(folder, 'incoming', randomUUID())
      await mkdir(dirname(leaving), { recursive: true })
      await rename(gitdir, leaving)
      await rm(leaving, { recursive: true, force: true })
    },

    async move({ kind, name: from, gitdir }, name) {
      if (!isName(name)) throw refuse(400, `Invalid repository name: ${name}`)
      const target = gitdirOf(kind, name)
      await mkdir(dirname(target), { recursive: true })
      if (!(await renamed(gitdir, target))) return false
      await writeFile(traceOf(kind, from), name)
      await rm(traceOf(kind, name), { force: true })
      return true
    },

    exclusive({ gitdir }, work) {
      const turn = (queues.get(gitdir) ?? Promise.resolve()).then(work, work)
      queues.set(gitdir, turn)
      return turn
    },
  }
}

/** `false`: something is there. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
