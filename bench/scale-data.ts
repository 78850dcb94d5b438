// Checks of data on local workers, beside this process alone.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadMails } from '../examples/quickstart/mails.js'
import { callContext, canonicalJson, type Json, seededRandom } from '../src/core/index.js'
import { checkQuality, Dataset, memorySamples } from '../src/dataset/index.js'
import { localExecutor } from '../src/execute/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { type BenchRow, median, peakMemoryMb } from './bench.js'
import { cpuSeconds, cpuTime } from './scale-worker.js'

const checkedRows = 6_000
const rounds = 2

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
