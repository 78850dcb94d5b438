// Text sets with many classes, whole processes: our text classifier with its defaults beside two classifiers of scikit-learn.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtRooms } from '../test/built-package.js'
import { interopPython } from '../test/interop/python.js'
import { textSetPackages } from '../test/interop/text-sets.js'
import type { BenchRow } from './bench.js'

interface Measured {
  readonly accuracy: number
  readonly cpuSeconds: number
  readonly peakMb: number
}

/** The defaults of the classifier were chosen on the first four; the others were first used when the defaults were fixed. */
const sets = [
  'wordnet',
  'house-en',
  'news',
  'generated',
  'icd10',
  'languages',
  'house-de',
  'dialogue-en',
  'dialogue-zh',
] as const
const mostMb = 500

export const parts = Object.fromEntries(sets.map((set) => [set, () => measure(set)]))

async function measure(set: string): Promise<readonly BenchRow[]> {
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
      // One thread each: the comparison is about work, and the models themselves use one thread.
      execFileSync(program, parts, { encoding: 'utf8', env: { ...process.env, OPENBLAS_NUM_THREADS: '1' } }),
    ) as Measured
  try {
    const rooms = await builtRooms()
    execFileSync(python, [join(reference, 'text-sets.py'), packages, folder, set])
    const path = join(folder, `${set}.jsonl`)
    const ours = ask(process.execPath, join(reference, 'sheikh-classifier.mjs'), rooms, path)
    const hinge = ask(python, join(reference, 'sklearn-classifier.py'), path, 'hinge')
    const logistic = ask(python, join(reference, 'sklearn-classifier.py'), path, 'logistic')
    return rowsOf(set, ours, hinge, logistic)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function rowsOf(set: string, ours: Measured, hinge: Measured, logistic: Measured): readonly BenchRow[] {
  const peakMemoryMb = Math.round(ours.peakMb)
  const better = Math.max(hinge.accuracy, logistic.accuracy)
  return [
    {
      work: `${set}: accuracy`,
      ...{ ours: ours.accuracy, peer: better, unit: 'share', ratio: ours.accuracy / better, peakMemoryMb },
      peerName: `scikit-learn, the better of SGD hinge ${hinge.accuracy.toFixed(4)} and logistic regression ${logistic.accuracy.toFixed(4)}`,
      ...{ goal: 'at least 1', met: ours.accuracy >= better },
    },
    {
      work: `${set}: CPU time of the whole process`,
      ...{
        ours: ours.cpuSeconds,
        peer: hinge.cpuSeconds,
        unit: 's',
        ratio: hinge.cpuSeconds / ours.cpuSeconds,
        peakMemoryMb,
      },
      peerName: `scikit-learn, SGD hinge; logistic regression ${logistic.cpuSeconds.toFixed(1)} s`,
      ...{ goal: 'at least 0.5', met: hinge.cpuSeconds / ours.cpuSeconds >= 0.5 },
    },
    {
      work: `${set}: peak memory`,
      ...{ ours: peakMemoryMb, peer: hinge.peakMb, unit: 'MB', ratio: hinge.peakMb / peakMemoryMb },
      peerName: `scikit-learn, SGD hinge; logistic regression ${Math.round(logistic.peakMb)} MB`,
      ...{ goal: `at most ${mostMb} MB`, met: peakMemoryMb <= mostMb, peakMemoryMb },
    },
  ]
}
