// Commands of `sheikh` on many sample files, and DVC on the same files.
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { builtRooms } from '../test/built-package.js'
import { dvcProgram, dvcVersion } from '../test/interop/dvc.js'
import { type BenchRow, interleaved } from './bench.js'
import { run, writeProject } from './noop.js'

const pairs = 3
const changedFiles = 1_000
const execute = promisify(execFile)
const countReads = join(import.meta.dirname, 'count-reads.mjs')
const goalOf = (seconds: number, ours: number) => ({ goal: `under ${seconds} s`, met: ours < seconds })
const sizeOf = (count: number) => `${count.toLocaleString('en')} sample files`

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

/** A project of the bench, and commands on it. */
interface Files {
  readonly root: string
  readonly count: number
  readonly sheikh: (...parameters: readonly string[]) => Promise<string>
  /** The same command once more. @returns the sample files that it opens, and its peak memory. */
  readonly watched: (...parameters: readonly string[]) => Promise<{ reads: number; peakMemoryMb: number }>
  readonly git: (...parameters: readonly string[]) => Promise<unknown>
  /** Writes other content into one sample. */
  readonly edit: (index: number) => Promise<void>
}

async function withFiles<R>(count: number, work: (files: Files) => Promise<R>): Promise<R> {
  const root = await mkdtemp(join(tmpdir(), 'sheikh-files-'))
  try {
    const program = join(await builtRooms(), 'cli/main.js')
    await writeProject(root, count)
    const call = async (options: readonly string[], parameters: readonly string[], env: NodeJS.ProcessEnv = {}) => {
      const all = [...options, program, ...parameters, '--json', '--project', root]
      return (await execute(process.execPath, all, { env: { ...process.env, ...env }, maxBuffer: 2 ** 28 })).stdout
    }
    let edits = 0
    return await work({
      ...{ root, count, sheikh: (...parameters) => call([], parameters) },
      async watched(...parameters) {
        const file = join(root, '.git/bench-reads.json')
        const env = { COUNT_UNDER: join(root, 'dataset/samples'), COUNT_FILE: file }
        await call(['--import', countReads], parameters, env)
        const { reads, peakKb } = JSON.parse(await readFile(file, 'utf8')) as { reads: number; peakKb: number }
        return { reads, peakMemoryMb: Math.round((peakKb * 1024) / 1e6) }
      },
      git: (...parameters) => execute('git', parameters, { cwd: root, maxBuffer: 2 ** 28 }),
      async edit(index) {
        edits += 1
        const sample = { id: `sample-${index}`, text: `odd again, ${edits}`, label: 'even' }
        await writeFile(join(root, `dataset/samples/part-${index % 10}/${index}.json`), JSON.stringify(sample))
      },
    })
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** @param upToDateSeconds the goal of a run with nothing to do. */
export function sampleFiles(count: number, upToDateSeconds: number): Promise<readonly BenchRow[]> {
  return withFiles(count, async ({ root, sheikh, watched, git, edit }) => {
    const program = join(await builtRooms(), 'cli/main.js')
    const size = sizeOf(count)
    // The first run trains; the second caches what is known about files that were too new for the first.
    await run(root, 'released', { program })
    await run(root, 'up-to-date', { program })
    const status = () => timed(() => git('status', '--porcelain'))
    const upToDate = await interleaved(pairs, () => timed(() => run(root, 'up-to-date', { program })), status)
    const kept = await watched('run')
    const compared = { peerName: 'git status --porcelain', unit: 's' }
    const rows: BenchRow[] = [
      {
        ...{ work: `sheikh run, up to date, ${size}`, ...upToDate, ...compared, ratio: upToDate.peer / upToDate.ours },
        ...{ ...goalOf(upToDateSeconds, upToDate.ours), peakMemoryMb: kept.peakMemoryMb },
      },
      opened(`samples opened in that run, of ${size}`, count, kept, 0),
    ]
    if (upToDateSeconds < 1) return rows

    // A plan reads the changed sample as a run does, and does not train.
    const plan = async () => {
      await edit(0)
      return timed(() => sheikh('plan'))
    }
    const oneChanged = await interleaved(pairs, plan, status)
    await edit(0)
    const one = await watched('plan')
    rows.push(
      {
        ...{ work: `sheikh plan, one file changed, ${size}`, ...oneChanged, ...compared },
        ...{ ratio: oneChanged.peer / oneChanged.ours, ...goalOf(2.5, oneChanged.ours) },
        peakMemoryMb: one.peakMemoryMb,
      },
      opened(`samples opened in that plan, of ${size}`, count, one, 1),
    )

    const changed = Math.min(changedFiles, count)
    for (let index = 0; index < changed; index += 1) await edit(Math.floor((index * count) / changed))
    await git('add', '--all', 'dataset')
    // Without the maintenance that Git begins in the background after a commit.
    const settings = ['user.name=Bench', 'user.email=bench@localhost', 'gc.auto=0'].flatMap((one) => ['-c', one])
    await git(...settings, 'commit', '-q', '-m', 'Change')
    const diff = async () => {
      const { data } = JSON.parse(await sheikh('diff', 'HEAD~1', 'HEAD')) as { data: { changed: readonly unknown[] } }
      if (data.changed.length !== changed) throw new Error(`The diff found ${data.changed.length} changes.`)
    }
    const differences = await interleaved(
      pairs,
      () => timed(diff),
      () => timed(() => git('diff', '--numstat', 'HEAD~1', 'HEAD')),
    )
    const { peakMemoryMb } = await watched('diff', 'HEAD~1', 'HEAD')
    rows.push({
      ...{ work: `sheikh diff of two commits, ${changed} changed of ${size}`, ...differences },
      ...{ peerName: 'git diff --numstat', unit: 's', ratio: differences.peer / differences.ours },
      ...{ ...goalOf(1, differences.ours), peakMemoryMb },
    })
    return rows
  })
}

const opened = (
  work: string,
  count: number,
  { reads, peakMemoryMb }: { reads: number; peakMemoryMb: number },
  most: number,
): BenchRow => ({
  ...{ work, ours: reads, peer: count, unit: 'files', peerName: 'reading all', ratio: count / Math.max(1, reads) },
  ...{ goal: `at most ${most}`, met: reads <= most, peakMemoryMb },
})

/** DVC on the same files, in a Git repository of its own. */
export async function besideDvc(count: number): Promise<readonly BenchRow[]> {
  const dvc = dvcProgram()
  if (dvc === undefined) {
    console.log('Skipped: there is no DVC. npm run setup:interop installs it, or says why it cannot')
    return []
  }
  return withFiles(count, async ({ root, sheikh, watched, edit }) => {
    const program = join(await builtRooms(), 'cli/main.js')
    const copy = await mkdtemp(join(tmpdir(), 'sheikh-dvc-'))
    try {
      await cp(join(root, 'dataset/samples'), join(copy, 'samples'), { recursive: true })
      const env = { ...process.env, DVC_NO_ANALYTICS: '1' }
      const call = (file: string, ...parameters: readonly string[]) =>
        execute(file, parameters, { cwd: copy, maxBuffer: 2 ** 28, env })
      await call('git', 'init', '-q')
      await call(dvc, 'init', '-q')
      // Without anything that was cached.
      const forget = () => rm(join(root, '.sheikh/documents'), { recursive: true, force: true })
      await forget()
      const plan = await timed(() => sheikh('plan'))
      await forget()
      const first = await watched('plan')
      const add = await timed(() => call(dvc, 'add', '-q', 'samples'))

      await run(root, 'released', { program })
      await run(root, 'up-to-date', { program })
      const stage = 'stages:\n  train:\n    cmd: echo trained > model.txt\n    deps: [samples]\n    outs: [model.txt]\n'
      await writeFile(join(copy, 'dvc.yaml'), stage)
      await call(dvc, 'repro', '-q')
      const upToDate = await interleaved(
        1,
        () => timed(() => run(root, 'up-to-date', { program })),
        () =>
          timed(async () => {
            await call(dvc, 'repro', '-q')
            await call(dvc, 'data', 'status')
          }),
      )
      const kept = await watched('run')

      await edit(0)
      await cp(join(root, 'dataset/samples/part-0/0.json'), join(copy, 'samples/part-0/0.json'))
      const changed = await timed(() => sheikh('plan'))
      const addChanged = await timed(() => call(dvc, 'add', '-q', 'samples'))
      await edit(0)
      const one = await watched('plan')

      const row = (work: string, ours: number, peer: number, peerName: string, least: number, peak: number) => ({
        ...{ work: `${work}, ${sizeOf(count)}`, ours, peer, peerName: `${peerName}, DVC ${dvcVersion}`, unit: 's' },
        ...{ ratio: peer / ours, goal: `at least ${least} × faster`, met: peer / ours >= least, peakMemoryMb: peak },
      })
      return [
        row('first fingerprint (sheikh plan)', plan, add, 'dvc add', 5, first.peakMemoryMb),
        row('sheikh run, up to date', upToDate.ours, upToDate.peer, 'dvc repro, data status', 10, kept.peakMemoryMb),
        row('sheikh plan, one file changed', changed, addChanged, 'dvc add', 1, one.peakMemoryMb),
      ]
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  })
}
