// The quickstart as users start it: how well it classifies beside scikit-learn on the same split, what it takes.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { BenchRow } from './bench.js'

const program = resolve(import.meta.dirname, '../examples/quickstart/main.ts')
const reference = join(import.meta.dirname, 'reference/sklearn-spam.json')
const [limitSeconds, limitMb] = [120, 1500]
const execute = promisify(execFile)

export async function rows(): Promise<readonly BenchRow[]> {
  const { versions, accuracy } = JSON.parse(await readFile(reference, 'utf8')) as Reference
  const sklearn = accuracy['words, 2^14 features']!
  const startedMs = performance.now()
  const { stdout, stderr } = await execute(process.execPath, [...process.execArgv, program, '--json'])
  const seconds = (performance.now() - startedMs) / 1000
  const { steps } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { steps: { name: string; accuracy: number }[] }
  const ours = steps.find(({ name }) => name === 'b')!.accuracy
  const peakMemoryMb = Number(/ and (\d+) MB of memory/.exec(stderr)?.[1])
  return [
    {
      work: 'accuracy of step (b), 677 pinned mails; one run: it is the same in every run',
      ours,
      peer: sklearn.highest,
      peerName: `scikit-learn ${versions['scikit-learn']}, hashed words, SGD log loss, best of ten seeds`,
      unit: 'share',
      ratio: ours / sklearn.highest,
      goal: 'at least 1',
      met: ours >= sklearn.highest,
      peakMemoryMb,
    },
    {
      work: 'all eight steps; one run',
      ours: seconds,
      peer: limitSeconds,
      peerName: 'the limit',
      unit: 's',
      ratio: limitSeconds / seconds,
      goal: `under ${limitSeconds} s and ${limitMb} MB`,
      met: seconds < limitSeconds && peakMemoryMb < limitMb,
      peakMemoryMb,
    },
  ]
}

interface Reference {
  readonly versions: Readonly<Record<string, string>>
  readonly accuracy: Readonly<Record<string, { readonly highest: number }>>
}
