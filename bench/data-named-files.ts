// Commands of `sheikh` on samples that name files, such as images, beside Git on the same files.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openRepository } from '../src/repository/index.js'
import { builtRooms } from '../test/built-package.js'
import { type BenchRow, interleaved } from './bench.js'
import { timed } from './data-files.js'
import { run, writeSettings } from './noop.js'

const pairs = 3
const changedFiles = 1_000
const fileBytes = 10_000
const samplesPerFile = 1_000
const execute = promisify(execFile)
const countReads = join(import.meta.dirname, 'count-reads.mjs')

export async function namedFiles(count: number): Promise<readonly BenchRow[]> {
  const root = await mkdtemp(join(tmpdir(), 'sheikh-named-'))
  // Flushing new objects and maintenance in the background would be measured too.
  const settings = ['user.name=Bench', 'user.email=bench@localhost', 'gc.auto=0', 'core.fsync=none']
  const git = (...parameters: readonly string[]) =>
    execute('git', [...settings.flatMap((one) => ['-c', one]), ...parameters], { cwd: root, maxBuffer: 2 ** 28 })
  const commit = async () => {
    await git('add', '--all')
    await git('commit', '-q', '-m', 'Files')
  }
  const image = (index: number) => `images/part-${index % 100}/${index}.bin`
  const writeImage = (index: number) => writeFile(join(root, 'dataset', image(index)), randomBytes(fileBytes))
  try {
    const program = join(await builtRooms(), 'cli/main.js')
    const sheikh = async (
      parameters: readonly string[],
      options: readonly string[] = [],
      env: NodeJS.ProcessEnv = {},
    ) => {
      const all = [...options, program, ...parameters, '--json', '--project', root]
      return (await execute(process.execPath, all, { env: { ...process.env, ...env }, maxBuffer: 2 ** 28 })).stdout
    }
    const watched = async (...parameters: readonly string[]) => {
      const file = join(root, '.git/bench-reads.json')
      await sheikh(parameters, ['--import', countReads], {
        COUNT_UNDER: join(root, 'dataset/images'),
        COUNT_FILE: file,
      })
      const { reads, peakKb } = JSON.parse(await readFile(file, 'utf8')) as { reads: number; peakKb: number }
      return { reads, peakMemoryMb: Math.round((peakKb * 1024) / 1e6) }
    }

    await writeSettings(root)
    const config = 'dataset:\n  name: named\nprojection:\n  id: id\n  input: text\n  target: label\nfiles: [image]\n'
    await writeFile(join(root, 'dataset/config.yaml'), config)
    for (let part = 0; part < 100; part += 1)
      await mkdir(join(root, `dataset/images/part-${part}`), { recursive: true })
    await mkdir(join(root, 'dataset/samples/all'), { recursive: true })
    for (let start = 0; start < count; start += samplesPerFile) {
      const lines: string[] = []
      for (let index = start; index < Math.min(count, start + samplesPerFile); index += 1) {
        await writeImage(index)
        const label = index % 2 === 0 ? 'even' : 'odd'
        lines.push(
          `${JSON.stringify({ id: `sample-${index}`, text: `${label} number ${index}`, label, image: image(index) })}\n`,
        )
      }
      await writeFile(join(root, `dataset/samples/all/${start}.jsonl`), lines.join(''))
    }
    await (await openRepository(root)).pinEvaluation({ share: 0.1 })
    await commit()
    await run(root, 'released', { program })
    await run(root, 'up-to-date', { program })

    const size = `${count.toLocaleString('en')} named files of ${fileBytes / 1000} kB`
    const row = (
      work: string,
      times: { ours: number; peer: number },
      peerName: string,
      peakMemoryMb: number,
    ): BenchRow => ({
      ...{ work, ...times, peerName, unit: 's', ratio: times.peer / times.ours, goal: 'none', met: true, peakMemoryMb },
    })
    const opened = (
      work: string,
      { reads, peakMemoryMb }: { reads: number; peakMemoryMb: number },
      most: number,
    ): BenchRow => ({
      ...{ work, ours: reads, peer: count, unit: 'files', peerName: 'reading all', ratio: count / Math.max(1, reads) },
      ...{ goal: `at most ${most}`, met: reads <= most, peakMemoryMb },
    })
    const status = () => timed(() => git('status', '--porcelain'))
    const upToDate = await interleaved(pairs, () => timed(() => run(root, 'up-to-date', { program })), status)
    const kept = await watched('run')
    const plan = async () => {
      await writeImage(0)
      return timed(() => sheikh(['plan']))
    }
    const oneChanged = await interleaved(pairs, plan, status)
    await writeImage(0)
    const one = await watched('plan')

    const changed = Math.min(changedFiles, count)
    for (let index = 0; index < changed; index += 1) await writeImage(Math.floor((index * count) / changed))
    await commit()
    const diff = async () => {
      const { data } = JSON.parse(await sheikh(['diff', 'HEAD~1', 'HEAD'])) as { data: { changed: readonly unknown[] } }
      if (data.changed.length !== changed) throw new Error(`The diff found ${data.changed.length} changes.`)
    }
    const differences = await interleaved(
      pairs,
      () => timed(diff),
      () => timed(() => git('diff', '--numstat', 'HEAD~1', 'HEAD')),
    )
    const { peakMemoryMb } = await watched('diff', 'HEAD~1', 'HEAD')
    return [
      row(`sheikh run, up to date, ${size}`, upToDate, 'git status --porcelain', kept.peakMemoryMb),
      opened(`named files opened in that run, of ${size}`, kept, 0),
      row(`sheikh plan, one file changed, ${size}`, oneChanged, 'git status --porcelain', one.peakMemoryMb),
      opened(`named files opened in that plan, of ${size}`, one, 1),
      row(`sheikh diff of two commits, ${changed} changed of ${size}`, differences, 'git diff --numstat', peakMemoryMb),
    ]
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 10 })
  }
}
