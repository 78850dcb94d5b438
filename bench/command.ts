// What commandTrainer costs: the PyTorch example as a bare script, and the same under commandTrainer. One thread of torch.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { callContext, digestJson, seededRandom } from '../src/core/index.js'
import { commandTrainer } from '../src/trainer/command/index.js'
import { writeFitRequest } from '../src/trainer/command/request.js'
import { torchPython } from '../test/interop/torch.js'
import { type BenchRow, interleaved, peakMemoryMb } from './bench.js'

const pairs = 5
const count = 5_000
const config = { epochs: 12, learning_rate: 0.01, batch_size: 32 }
const directory = join(import.meta.dirname, '../examples/pytorch')

export async function rows(): Promise<readonly BenchRow[]> {
  const torch = torchPython()
  if (torch === undefined) {
    console.log('Skipped: there is no PyTorch. npm run setup:interop installs it, or says why it cannot')
    return []
  }
  const { python, variables } = torch
  const environment = { ...process.env, ...variables }
  const training = rowsOf(texts())
  const trainer = commandTrainer<string, string>({
    fit: [python, 'train.py'],
    predict: [python, 'predict.py'],
    directory,
    config,
    environment,
    env: Object.keys(variables),
  })
  const timed = async (work: (folder: string) => Promise<unknown>) => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
    try {
      const start = performance.now()
      await work(folder)
      return (performance.now() - start) / 1000
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  const run = promisify(execFile)
  const { ours, peer } = await interleaved(
    pairs,
    () =>
      timed(async (folder) => {
        const to = join(folder, 'fitted')
        await mkdir(to)
        await trainer.fit({ training, seed: 1, directory: to }, { ...callContext(), progress() {} })
      }),
    () =>
      timed(async (folder) => {
        const request = await writeFitRequest(folder, { training, seed: 1, directory: folder }, config, callContext())
        await run(python, ['train.py', request], { cwd: directory, env: environment, maxBuffer: 1 << 28 })
      }),
  )
  return [
    {
      work: `${config.epochs} epochs of the PyTorch example over ${count} texts, whole process`,
      ours,
      peer,
      peerName: 'the bare script, and writing its rows',
      unit: 's',
      ratio: peer / ours,
      goal: '≥ 0.97',
      met: peer / ours >= 0.97,
      peakMemoryMb: peakMemoryMb(),
    },
  ]
}

function texts() {
  const random = seededRandom('bench-command')
  return Array.from({ length: count }, (_, index) => {
    const target = random.below(2) === 0 ? 'even' : 'odd'
    const words = Array.from({ length: 40 }, () => `w${2 * random.below(2_000) + (target === 'odd' ? 1 : 0)}`)
    return { id: String(index), input: words.join(' '), target, slices: {} }
  })
}

function rowsOf<R>(values: readonly R[]) {
  return {
    size: values.length,
    digest: digestJson(values.length),
    async *[Symbol.asyncIterator]() {
      yield* values
    },
  }
}
