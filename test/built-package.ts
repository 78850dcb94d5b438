import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Options } from 'tsup'

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = join(root, 'node_modules/.cache/sheikh-tests')
const dayMs = 24 * 60 * 60 * 1000
const longestBuildMs = 60_000

/** What test processes run besides the package, by entry. */
const programs = {
  'crash-project': 'test/crash/crash-project.ts',
  'execute/local-worker': 'test/execute/local-worker.ts',
  'execute/cluster-worker': 'test/execute/cluster-worker.ts',
  'execute/local-host': 'test/execute/local-host.ts',
  'execute/host-without-files': 'test/execute/host-without-files.ts',
  'diloco-worker': 'test/trainer/diloco/diloco-worker.ts',
  'diloco-host': 'test/trainer/diloco/diloco-host.ts',
  'ledger-racer': 'test/repository/ledger-racer.ts',
  'pipeline/shard-worker': 'test/pipeline/shard-worker.ts',
  'dataset/data-check-worker': 'test/dataset/quality/data-check-worker.ts',
  'open-device': 'test/trainer/open-device.ts',
  'ensemble/biased-worker': 'test/ensemble/biased-worker.ts',
  'tune/line-worker': 'test/tune/line-worker.ts',
  'testing/fake-trainer': 'src/testing/fake-trainer.ts',
}
const folders = ['src', 'examples']
const files = [
  'test/built-package.ts',
  'tsup.config.ts',
  'package.json',
  'package-lock.json',
  ...Object.values(programs),
]

let built: Promise<string> | undefined

/**
 * The package as `npm run build` makes it, for tests that start processes: these should not wait for a compiler. `dist/` also
 * has an entry for each room (`core/index.js`) and for each program of the tests; `examples/` has the examples as JavaScript.
 * It is built once for each state of the sources, and kept in `node_modules/.cache`.
 *
 * @returns its folder.
 */
export function builtPackage(): Promise<string> {
  built ??= buildOnce()
  return built
}

/** The folder of the rooms. */
export const builtRooms = async (): Promise<string> => join(await builtPackage(), 'dist')

async function buildOnce(): Promise<string> {
  const target = join(cache, await digestOfSources())
  // The workers of a first run do not each build it. The folder for temporary files is that of the test run.
  const claim = join(tmpdir(), `building-${basename(target)}`)
  for (let waitedMs = 0; !existsSync(target) && waitedMs < longestBuildMs; waitedMs += 100) {
    if (await isFirst(claim))
      try {
        await build(target)
      } finally {
        await rm(claim, { recursive: true, force: true })
      }
    else await setTimeout(100)
  }
  // A process that was killed while it built leaves its claim.
  if (!existsSync(target)) await build(target)
  return target
}

/** Whether nobody else has made the folder. Makes it. */
const isFirst = (folder: string): Promise<boolean> =>
  mkdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )

async function build(target: string): Promise<void> {
  // Another test run may build the same. The first to end is kept.
  const building = `${target}.${process.pid}`
  await rm(building, { recursive: true, force: true })
  await mkdir(building, { recursive: true })
  await cp(join(root, 'package.json'), join(building, 'package.json'))
  const filter = (path: string) => !path.endsWith('.ts')
  await cp(join(root, 'examples'), join(building, 'examples'), { recursive: true, filter })
  const tsup = await import('tsup')
  const { default: config, buildScript } = await import('../tsup.config.js')
  const { onSuccess: _, ...packaged } = config as Options
  const own = { config: false, silent: true, clean: false, sourcemap: false } as const
  await tsup.build({
    ...{ ...packaged, ...own, outDir: join(building, 'dist') },
    entry: { ...(packaged.entry as Record<string, string>), ...programs, ...(await rooms()) },
  })
  await buildScript(join(building, 'dist'))
  await tsup.build({
    ...{ ...own, format: 'esm', target: 'node20', bundle: false, splitting: false },
    ...{ entry: ['examples/**/*.ts'], outDir: join(building, 'examples') },
  })
  await rename(building, target).catch(async (error: unknown) => {
    await rm(building, { recursive: true })
    if (!existsSync(target)) throw error
  })
  await removeOld()
}

async function rooms(): Promise<Record<string, string>> {
  const paths = await readdir(join(root, 'src'), { recursive: true })
  const indexes = paths.filter((path) => path.endsWith('/index.ts'))
  return Object.fromEntries(indexes.map((path) => [path.replace(/\.ts$/, ''), join('src', path)]))
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256')
  const below = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    }),
  )
  for (const path of [...below.flat().sort(), ...files.map((file) => join(root, file))])
    hash.update(`${path}\0`).update(await readFile(path))
  return hash.digest('hex').slice(0, 16)
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > dayMs) await rm(path, { recursive: true, force: true })
  }
}
