// `sheikh run` where nothing is to be done, on many samples: the whole process, from dist/. npm run build first.
// What is left, by `node --cpu-prof`: starting Node.js and loading two megabytes of modules; four processes of git. Git's index
// names the content of the samples, so only git status looks at each file, unless filters (LFS), flags or settings such as
// core.trustctime may hide a change. Then every file is listed. Of that, stats with numbers in place of BigInts do not help: turning
// fractions into text costs more than is saved.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { initGitRepository, openRepository } from '../src/repository/index.js'
import { type BenchRow, interleaved } from './bench.js'

const samples = 10_000
const limitMs = 1000
const pairs = 11
const builtProgram = resolve(import.meta.dirname, '../dist/cli/main.js')
const countReads = resolve(import.meta.dirname, 'count-reads.mjs')
const execute = promisify(execFile)

export async function rows(): Promise<readonly BenchRow[]> {
  if (!existsSync(builtProgram)) throw new Error('dist/ is missing: npm run build first')
  const root = await mkdtemp(join(tmpdir(), 'sheikh-noop-'))
  try {
    await writeProject(root, samples)
    // The first run trains and releases; the second fills what is kept about files that were too new for the first.
    const first = await watched(root, 'released')
    if (first.reads < samples) throw new Error(`The counter of reads saw ${first.reads} in a run that reads them all.`)
    await run(root, 'up-to-date')
    const ours = async () => {
      const startedMs = performance.now()
      await run(root, 'up-to-date')
      return performance.now() - startedMs
    }
    const peer = async () => {
      const startedMs = performance.now()
      const { stdout } = await execute('git', ['status', '--porcelain'], { cwd: root })
      if (stdout !== '') throw new Error(`git status is not clean: ${stdout.slice(0, 100)}`)
      return performance.now() - startedMs
    }
    const times = await interleaved(pairs, ours, peer)
    const { reads, peakMemoryMb } = await watched(root, 'up-to-date')
    const size = `${samples.toLocaleString('en')} committed sample files`
    return [
      {
        work: `sheikh run, up to date, ${size}`,
        ...times,
        peerName: 'git status --porcelain',
        unit: 'ms',
        ratio: times.peer / times.ours,
        goal: `under ${limitMs} ms`,
        met: times.ours < limitMs,
        peakMemoryMb,
      },
      {
        work: `samples opened in that run, of ${size}`,
        ours: reads,
        peer: samples,
        peerName: 'reading all',
        unit: 'files',
        ratio: samples / Math.max(1, reads),
        goal: 'none',
        met: reads === 0,
        peakMemoryMb,
      },
    ]
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** A run whose opened samples are counted. */
export async function watched(root: string, expected: string, program = builtProgram) {
  const countFile = join(root, '.git/bench-reads.json')
  const env = { COUNT_UNDER: join(root, 'dataset/samples'), COUNT_FILE: countFile }
  await run(root, expected, { nodeOptions: ['--import', countReads], env, program })
  const { reads, peakKb } = JSON.parse(await readFile(countFile, 'utf8')) as { reads: number; peakKb: number }
  return { reads, peakMemoryMb: Math.round((peakKb * 1024) / 1e6) }
}

interface RunOptions {
  readonly nodeOptions?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** The command line, built. */
  readonly program?: string
}

export async function run(
  root: string,
  expected: string,
  { nodeOptions = [], env = {}, program = builtProgram }: RunOptions = {},
) {
  const ended = await execute(process.execPath, [...nodeOptions, program, 'run', '--json', '--project', root], {
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 26,
  })
  const { status } = JSON.parse(ended.stdout) as { status: string }
  if (status !== expected) throw new Error(`The run ended as ${status}, not ${expected}.`)
  return ended
}

/** A repository with the settings of a project, and no samples. */
export async function writeSettings(root: string): Promise<void> {
  await initGitRepository(root)
  const files: Readonly<Record<string, string>> = {
    'dataset/config.yaml': 'dataset:\n  name: noop\nprojection:\n  id: id\n  input: text\n  target: label\n',
    'mlops/training/config.yaml':
      'model:\n  architecture: text-classifier\ntraining:\n  num_train_epochs: 1\ndata:\n  max_samples: 1000\n',
    'mlops/pipeline.yaml':
      'pipeline:\n  name: noop\nstages:\n  validate_weights:\n    checks:\n      - accuracy_threshold: 0.15\n      - regression_check: true\n',
    '.gitignore': '.sheikh/\nreleases/\n',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

/** A committed project with an evaluation set, and each sample in a file of its own. */
export async function writeProject(root: string, samples: number): Promise<void> {
  const author = { name: 'Bench', email: 'bench@localhost' }
  await writeSettings(root)
  for (let index = 0; index < samples; index += 1) {
    const label = index % 2 === 0 ? 'even' : 'odd'
    const folder = join(root, `dataset/samples/part-${index % 10}`)
    if (index < 10) await mkdir(folder, { recursive: true })
    const sample = { id: `sample-${index}`, text: `${label} as the number ${index} is`, label }
    await writeFile(join(folder, `${index}.json`), `${JSON.stringify(sample)}\n`)
  }
  await (await openRepository(root)).pinEvaluation({ share: 0.1 })
  // Flushing a hundred thousand new objects takes minutes.
  const git = (...parameters: readonly string[]) =>
    execute('git', ['-c', 'core.fsync=none', '-c', 'gc.auto=0', ...parameters], { cwd: root })
  await git('add', '--all')
  await git('-c', `user.name=${author.name}`, '-c', `user.email=${author.email}`, 'commit', '-q', '-m', 'Samples')
}
