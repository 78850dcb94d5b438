// What one run asks of large weights and of a ledger that is far away: how often it hashes the candidate, and how often it reads.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { atLeast, type Ledger, noRegression, qualityGate, storeLedger, weightIntegrity } from '../src/gate/index.js'
import { Pipeline } from '../src/pipeline/index.js'
import { directoryRegistry } from '../src/releaser/directory/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { fakeTrainer } from '../src/testing/fake-trainer.js'
import { countHashes } from '../test/count-hashes.js'
import { withLargeWeights } from '../test/large-weights.js'
import { type BenchRow, peakMemoryMb } from './bench.js'

const weightsBytes = Number(process.env['BENCH_WEIGHTS_BYTES'] ?? 1e9)

export async function rows(): Promise<readonly BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-run-'))
  const hashes = countHashes(weightsBytes)
  try {
    const samples = Array.from({ length: 100 }, (_, index) => ({
      id: `s${index}`,
      text: `${index % 2 === 0 ? 'apple' : 'bus'} ${index}`,
      label: index % 2 === 0 ? 'fruit' : 'vehicle',
    }))
    const options = { source: memorySamples(samples), input: 'text', target: 'label' } as const
    const set = proposePinnedSet(await new Dataset(options).identities(), { salt: 'bench', share: 0.5 })
    const store = directoryStore(join(folder, 'store'))
    const kept = storeLedger(store)
    let ledgerReads = 0
    const ledger: Ledger = {
      name: 'counted',
      append: kept.append,
      read: (context) => {
        ledgerReads += 1
        return kept.read(context)
      },
    }
    const result = await new Pipeline({
      dataset: new Dataset({ ...options, evaluation: pinnedSet(set) }),
      trainer: withLargeWeights(fakeTrainer(), weightsBytes),
      gate: qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy()), weightIntegrity()]),
      releaser: directoryRegistry(join(folder, 'releases')),
      store,
      ledger,
    }).run()
    if (result.status !== 'released') throw new Error(`The run ended as ${result.status}.`)
    if (process.env['BENCH_SITES'] !== undefined) for (const [site, count] of hashes.sites) console.log(count, site)
    return [
      row(`hashes of a file of ${weightsBytes / 1e9} GB in one run`, hashes.count, 3),
      row('reads of the ledger in one run', ledgerReads, 2),
    ]
  } finally {
    hashes.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const row = (work: string, ours: number, most: number): BenchRow => ({
  ...{ work, ours, peer: most, peerName: 'the limit', unit: 'times', ratio: most / ours },
  ...{ goal: `at most ${most}`, met: ours <= most, peakMemoryMb: peakMemoryMb() },
})
