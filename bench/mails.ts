// Mails to the same accuracy, whole processes: scikit-learn on hashed words, and our text classifier on wasm.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadMails, picked } from '../examples/quickstart/mails.js'
import { builtRooms } from '../test/built-package.js'
import { interopPython } from '../test/interop/python.js'
import { type BenchRow, interleaved } from './bench.js'
import { peakMemoryKb } from './reference/peak-memory.mjs'

const pairs = 5
/** Of ours: the fewest that are as accurate as the peer. */
const epochs = [1, 2, 3, 6]

export async function rows(): Promise<readonly BenchRow[]> {
  const python = interopPython()
  if (python === undefined) {
    console.log('Skipped: there is no scikit-learn. npm run setup:interop installs it, or says why it cannot')
    return []
  }
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  try {
    const rooms = await builtRooms()
    const mails = join(folder, 'mails.jsonl')
    writeFileSync(mails, splitMails())
    const reference = join(import.meta.dirname, 'reference')
    const theirs = () => execFileSync(python, [join(reference, 'sklearn-train.py'), mails], { encoding: 'utf8' })
    const ours = (count: number) =>
      execFileSync(process.execPath, [join(reference, 'sheikh-train.mjs'), rooms, mails, String(count)], {
        encoding: 'utf8',
      })
    const accuracy = Number(theirs())
    const found = epochs.map((count) => ({ count, accuracy: Number(ours(count)) }))
    const enough = found.find((one) => one.accuracy >= accuracy) ?? found.at(-1)!
    const seconds = (work: () => unknown) => async () => {
      const startedMs = performance.now()
      work()
      return (performance.now() - startedMs) / 1000
    }
    const medians = await interleaved(
      pairs,
      seconds(() => ours(enough.count)),
      seconds(theirs),
    )
    const ratio = medians.peer / medians.ours
    return [
      {
        work: `spam, whole process: ${enough.count} epochs to ${enough.accuracy.toFixed(4)}, device wasm`,
        ...medians,
        peerName: `scikit-learn, hashed words, SGD: ${accuracy.toFixed(4)}`,
        ...{ unit: 's', ratio, goal: 'at least 0.25, as accurate', met: ratio >= 0.25 && enough.accuracy >= accuracy },
        peakMemoryMb: peakOf([join(reference, 'sheikh-train.mjs'), rooms, mails, String(enough.count)]),
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The quickstart's split of its step (b), with all that is not pinned to learn from. */
function splitMails(): string {
  return loadMails()
    .map(({ id, text, label, body }) => {
      const part = picked('evaluation', body, 0.2) ? 'evaluation' : 'training'
      return `${JSON.stringify({ id, text, label, part })}\n`
    })
    .join('')
}

function peakOf(parts: readonly string[]): number {
  const report = `import { readFileSync } from 'node:fs'\n${peakMemoryKb}\nprocess.on('exit', () => console.error('peak ' + peakMemoryKb()))`
  const preload = `data:text/javascript,${encodeURIComponent(report)}`
  const { stderr } = spawnSync(process.execPath, ['--import', preload, ...parts], { encoding: 'utf8' })
  return Math.round((Number(/peak (\d+)/.exec(stderr)?.[1]) * 1024) / 1e6)
}
