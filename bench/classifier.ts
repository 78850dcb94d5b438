// Text sets with many classes, whole processes: our text classifier with its defaults beside two classifiers of scikit-learn.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtRooms } from '../test/built-package.js'
import { interopPython } from '../test/interop/python.js'
import { textSetPackages } from '../test/interop/text-sets.js'
import { type BenchRow, median } from './bench.js'

interface Measured {
  readonly accuracy: number
  readonly cpuSeconds: number
  readonly peakMb: number
}

/** Of the fast ones, in turn; the accuracy is the same each time. */
const repeats = 3
const mostMb = 500

export async function rows(): Promise<readonly BenchRow[]> {
  const [python, packages] = [interopPython(), textSetPackages()]
  if (python === undefined || packages === undefined) {
    console.log(
      'Skipped: there is no scikit-learn or no text set. npm run setup:interop -- --python-only installs both',
    )
    return []
  }
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  const reference = join(import.meta.dirname, 'reference')
  const ask = (program: string, ...parts: readonly string[]) =>
    JSON.parse(
      // One thread each: what is compared is work, and one thread is what the models themselves use.
      execFileSync(program, parts, { encoding: 'utf8', env: { ...process.env, OPENBLAS_NUM_THREADS: '1' } }),
    ) as Measured
  try {
    const rooms = await builtRooms()
    execFileSync(python, [join(reference, 'text-sets.py'), packages, folder])
    const found: BenchRow[] = []
    for (const file of readdirSync(folder).sort()) {
      const set = join(folder, file)
      const [ours, hinge]: [Measured[], Measured[]] = [[], []]
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        ours.push(ask(process.execPath, join(reference, 'sheikh-classifier.mjs'), rooms, set))
        hinge.push(ask(python, join(reference, 'sklearn-classifier.py'), set, 'hinge'))
      }
      const logistic = ask(python, join(reference, 'sklearn-classifier.py'), set, 'logistic')
      found.push(...rowsOf(file.replace('.jsonl', ''), ours, hinge, logistic))
    }
    return found
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function rowsOf(
  set: string,
  ours: readonly Measured[],
  hinge: readonly Measured[],
  logistic: Measured,
): readonly BenchRow[] {
  const of = (measured: readonly Measured[], name: keyof Measured) => median(measured.map((one) => one[name]))
  const peakMemoryMb = Math.round(of(ours, 'peakMb'))
  const accuracy = of(ours, 'accuracy')
  const better = Math.max(of(hinge, 'accuracy'), logistic.accuracy)
  const [seconds, theirs] = [of(ours, 'cpuSeconds'), of(hinge, 'cpuSeconds')]
  return [
    {
      work: `${set}: accuracy`,
      ...{ ours: accuracy, peer: better, unit: 'share', ratio: accuracy / better, peakMemoryMb },
      peerName: `scikit-learn, the better of SGD hinge ${of(hinge, 'accuracy').toFixed(4)} and logistic regression ${logistic.accuracy.toFixed(4)}`,
      ...{ goal: 'at least 1', met: accuracy >= better },
    },
    {
      work: `${set}: CPU time of the whole process`,
      ...{ ours: seconds, peer: theirs, unit: 's', ratio: theirs / seconds, peakMemoryMb },
      peerName: `scikit-learn, SGD hinge; logistic regression ${logistic.cpuSeconds.toFixed(1)} s`,
      ...{ goal: 'at least 0.5', met: theirs / seconds >= 0.5 },
    },
    {
      work: `${set}: peak memory`,
      ...{ ours: peakMemoryMb, peer: of(hinge, 'peakMb'), unit: 'MB', ratio: of(hinge, 'peakMb') / peakMemoryMb },
      peerName: `scikit-learn, SGD hinge; logistic regression ${Math.round(logistic.peakMb)} MB`,
      ...{ goal: `at most ${mostMb} MB`, met: peakMemoryMb <= mostMb, peakMemoryMb },
    },
  ]
}
