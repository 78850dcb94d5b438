// What one run asks of large weights and of a ledger that is far away: how often it hashes the candidate, and how often it reads.
import crypto from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { atLeast, type Ledger, noRegression, qualityGate, storeLedger, weightIntegrity } from '../src/gate/index.js'
import { readWeightsDirectory } from '../src/model/index.js'
import { Pipeline } from '../src/pipeline/index.js'
import { directoryRegistry } from '../src/releaser/directory/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { fakeTrainer } from '../src/testing/fake-trainer.js'
import type { Trainer } from '../src/trainer/index.js'
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
      trainer: withLargeWeights(fakeTrainer()),
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

/** Its weights are a sparse file of zeros, as a safetensors file of one tensor. */
function withLargeWeights(trainer: Trainer<string, string>): Trainer<string, string> {
  return {
    ...trainer,
    async fit(request, context) {
      const { record } = await trainer.fit(request, context)
      const file = await open(join(request.directory, 'model.safetensors'), 'w')
      const header = Buffer.from(
        JSON.stringify({ zeros: { dtype: 'U8', shape: [weightsBytes], data_offsets: [0, weightsBytes] } }),
      )
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      await file.writeFile(Buffer.concat([length, header]))
      await file.truncate(8 + header.length + weightsBytes)
      await file.close()
      return { weights: await readWeightsDirectory(request.directory, context), record }
    },
  }
}

/** Counts the hashes that take in so many bytes, by the place that began them. */
function countHashes(leastBytes: number) {
  const { createHash } = crypto
  const found = {
    count: 0,
    sites: new Map<string, number>(),
    stop() {
      crypto.createHash = createHash
      syncBuiltinESMExports()
    },
  }
  crypto.createHash = (...asked: Parameters<typeof createHash>) => {
    const hash = createHash(...asked)
    const site = new Error()
      .stack!.split('\n')
      .slice(3, 12)
      .map((line) => line.replace(/^.*\/src\//, ''))
      .join(' < ')
    const update = hash.update.bind(hash)
    let bytes = 0
    hash.update = (data: string | NodeJS.ArrayBufferView) => {
      const before = bytes
      bytes += typeof data === 'string' ? data.length : data.byteLength
      if (before < leastBytes && bytes >= leastBytes) {
        found.count += 1
        found.sites.set(site, (found.sites.get(site) ?? 0) + 1)
      }
      return update(data)
    }
    return hash
  }
  syncBuiltinESMExports()
  return found
}
