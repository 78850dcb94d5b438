// A million items: scored as they stream by, written and read in columns, judged over all and by slice, in one process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext, type Digest, digestJson } from '../src/core/index.js'
import { accuracy, evaluate, readEvaluation, writeEvaluation } from '../src/evaluation/index.js'
import { atLeast, noNewFailures, noRegression, qualityGate } from '../src/gate/index.js'
import type { Model, Rows } from '../src/model/index.js'
import { evidenceOf } from '../src/testing/evidence.js'
import { type BenchRow, median, peakMemoryMb } from './bench.js'

const items = 1_000_000
const slices = 20
const context = callContext()

const rowsOfItems: Rows<number, string> = {
  size: items,
  digest: digestJson('a million items'),
  async *[Symbol.asyncIterator]() {
    for (let index = 0; index < items; index += 1)
      yield {
        id: `item-${String(index).padStart(7, '0')}`,
        input: index,
        target: index % 2 === 0 ? 'a' : 'b',
        slices: { kind: `slice-${index % slices}` },
      }
  },
}

/** Answers at once, with probabilities, wrong on so many of 1,009. */
const modelOf = (name: string, wrong: number): Model<number> => ({
  digest: digestJson(name) as Digest,
  async predict(inputs) {
    return inputs.map((index) => {
      const isRight = (index * 7919) % 1009 >= wrong
      const label = (index % 2 === 0) === isRight ? 'a' : 'b'
      return { kind: 'label', label, probabilities: { a: label === 'a' ? 0.9 : 0.1, b: label === 'b' ? 0.9 : 0.1 } }
    })
  },
  async [Symbol.asyncDispose]() {},
})

export async function rows(): Promise<readonly BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  try {
    const paths = { new: join(directory, 'new.safetensors'), old: join(directory, 'old.safetensors') }
    const startedMs = performance.now()
    await writeEvaluation(paths.new, await scored('new', 52), context)
    const scoredMs = performance.now() - startedMs
    await writeEvaluation(paths.old, await scored('old', 50), context)
    const evidence = evidenceOf(await readEvaluation(paths.new, context), await readEvaluation(paths.old, context))
    const gate = qualityGate([
      atLeast(accuracy(), 0.15),
      noRegression(accuracy()),
      noNewFailures(accuracy(), { allowed: items }),
    ])
    const times: number[] = []
    for (let round = 0; round < 5; round += 1) {
      const roundMs = performance.now()
      const { status, findings } = await gate.decide(evidence, context)
      times.push(performance.now() - roundMs)
      if (status !== 'pass' || findings.length !== slices + 3) throw new Error(`The gate said ${status}.`)
    }
    const decideMs = median(times)
    return [
      row(
        `scored as they stream by, and written: ${items.toLocaleString('en')} items`,
        scoredMs / 1000,
        60,
        's',
        'under a minute',
      ),
      row(
        `all checks, ${items.toLocaleString('en')} right or wrong items × ${slices} slices`,
        decideMs,
        2000,
        'ms',
        'under 2 s',
      ),
      row('peak memory of all of this, two models', peakMemoryMb(), 500, 'MB', 'under 500 MB'),
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const scored = (name: string, wrong: number) =>
  evaluate({ model: modelOf(name, wrong), rows: rowsOfItems, metrics: [accuracy()] }, context)

const row = (work: string, ours: number, peer: number, unit: string, goal: string): BenchRow => ({
  work,
  ours,
  peer,
  peerName: 'the limit',
  unit,
  ratio: peer / ours,
  goal,
  met: ours < peer,
  peakMemoryMb: peakMemoryMb(),
})
