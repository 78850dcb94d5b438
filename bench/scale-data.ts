// Checks of data on local workers, beside this process alone.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadMails } from '../examples/quickstart/mails.js'
import { callContext, canonicalJson, type Json, seededRandom } from '../src/core/index.js'
import { asyncSamples, checkQuality, Dataset, memorySamples } from '../src/dataset/index.js'
import { localExecutor } from '../src/execute/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { type BenchRow, median, peakMemoryMb } from './bench.js'
import { cpuSeconds, cpuTime, peakMemory } from './scale-worker.js'

const checkedRows = 6_000
const rounds = 2
/** Smaller, to try the bench: BENCH_CHECK_ROWS. */
const manyRows = Number(process.env['BENCH_CHECK_ROWS'] ?? 10_000_000)

interface Spent {
  readonly clock: number
  readonly caller: number
  /** Of one worker. */
  readonly worker: number
}

/** Other programs on the machine make the clock meaningless, and change CPU times little. */
export async function dataRows(): Promise<BenchRow[]> {
  const random = seededRandom('scale-data')
  const mails = loadMails()
  // No text repeats another one, and each is as long as a mail.
  const samples = Array.from({ length: checkedRows }, (_, index) => {
    const { text, label } = mails[index % mails.length]!
    const words = text.split(' ').map((word) => (random.below(10) < 4 ? `w${random.below(20_000).toString(36)}` : word))
    return { id: `row ${index}`, text: words.join(' '), label }
  })
  const dataset = new Dataset({ source: memorySamples(samples), input: 'text', target: 'label' })
  const checks = { evaluation: 'none', personalData: 'warn' } as const
  let first: string | undefined
  const same = (report: unknown) => {
    const found = canonicalJson(report as Json)
    first ??= found
    if (found !== first) throw new Error('The reports differ.')
  }
  const alone = async (): Promise<Spent> => {
    const before = { clock: performance.now() / 1000, caller: cpuSeconds() }
    same(await checkQuality(dataset, checks))
    return { clock: performance.now() / 1000 - before.clock, caller: cpuSeconds() - before.caller, worker: 0 }
  }
  const onWorkers = async (workers: number): Promise<Spent> => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
    const store = directoryStore(folder)
    const worker = { module: new URL('./scale-worker.ts', import.meta.url), options: { folder, isShort: false } }
    await using executor = localExecutor({ store, workers, worker })
    try {
      const context = callContext()
      // The processes start before anything is measured.
      const ofWorker = async (number: number) => (await executor.run({ kind: cpuTime, input: number }, context)).value
      await Promise.all(Array.from({ length: workers }, (_, number) => ofWorker(-1 - number)))
      const before = { clock: performance.now() / 1000, caller: cpuSeconds(), worker: await ofWorker(0) }
      same(await checkQuality(dataset, { ...checks, workers: { executor, store, rowsPerShard: 1024 } }))
      const after = { clock: performance.now() / 1000, caller: cpuSeconds() }
      const worker = (await ofWorker(1)) - before.worker
      return { clock: after.clock - before.clock, caller: after.caller - before.caller, worker }
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  // Compiled before anything is measured.
  await alone()
  const spent: { readonly [way in 'alone' | 'one' | 'two']: Spent[] } = { alone: [], one: [], two: [] }
  for (let round = 0; round < rounds; round += 1) {
    spent.two.push(await onWorkers(2))
    spent.one.push(await onWorkers(1))
    spent.alone.push(await alone())
  }
  const of = (way: keyof typeof spent, part: keyof Spent) => median(spent[way].map((one) => one[part]))
  const work = `${checkedRows.toLocaleString('en')} mails checked`
  const row = (name: string, ours: number, peer: number, peerName: string): BenchRow => ({
    ...{ work: `${work} ${name}`, ours, peer, peerName, unit: 's', ratio: peer / ours },
    ...{ goal: 'reported', met: true, peakMemoryMb: peakMemoryMb() },
  })
  return [
    row('on two local workers', of('two', 'clock'), of('one', 'clock'), 'one worker'),
    row('on two local workers', of('two', 'clock'), of('alone', 'clock'), 'this process alone'),
    row('on one worker: CPU time of the caller', of('one', 'caller'), of('one', 'worker'), 'of the worker'),
    row('on one worker: CPU time of both', of('one', 'caller') + of('one', 'worker'), of('alone', 'caller'), 'alone'),
  ]
}

/** Texts of 12 words. One in a thousand repeats an earlier one, and one in a thousand has another label than its words say. */
function* shortTexts(): Generator<{ readonly id: string; readonly text: string; readonly label: string }> {
  for (let index = 0; index < manyRows; index += 1) {
    const of = index % 1000 === 999 ? index - 500 : index
    const numbers = Array.from({ length: 12 }, (_, place) => hash(12 * of + place) % 20_000)
    const label = hash(of) % 3
    const named = index % 1000 === 500 ? (label + 1) % 3 : label
    const words = numbers.map((number) => `w${(3 * number + (number < 2_000 ? label : 0)).toString(36)}`)
    yield { id: `row ${index}`, text: words.join(' '), label: `label ${named}` }
  }
}

/** The finalizer of MurmurHash3. */
function hash(value: number): number {
  let bits = value >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

export async function dataMemoryRow(): Promise<BenchRow> {
  const context = callContext()
  const source = asyncSamples(shortTexts, { name: 'short-texts' })
  const dataset = new Dataset({ source, input: 'text', target: 'label' })
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const store = directoryStore(folder)
  const worker = { module: new URL('./scale-worker.ts', import.meta.url), options: { folder, isShort: false } }
  try {
    await using executor = localExecutor({ store, workers: 2, worker })
    const startedMs = performance.now()
    const report = await checkQuality(dataset, { evaluation: 'none', workers: { executor, store } }, context)
    const minutes = (performance.now() - startedMs) / 60_000
    const peaks = await Promise.all([0, 1].map((input) => executor.run({ kind: peakMemory, input }, context)))
    const workerMb = Math.max(...peaks.map(({ value }) => value))
    const ours = peakMemoryMb()
    const kinds = [...new Set(report.findings.map(({ kind }) => kind))]
    const counts = kinds.map((name) => `${report.findings.filter(({ kind }) => kind === name).length} ${name}`)
    process.stderr.write(`Checked in ${minutes.toFixed(1)} min: ${counts.join(', ')}. ${report.unchecked.join(' ')}\n`)
    return {
      work: `${manyRows.toLocaleString('en')} short texts checked on two local workers: peak memory of the caller`,
      ...{ ours, peer: workerMb, peerName: 'of a worker', unit: 'MB', ratio: workerMb / ours },
      ...{ goal: 'reported', met: true, peakMemoryMb: ours },
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}
