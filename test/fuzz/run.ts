// In a process of its own: the cases of one reader. `main.ts` watches that each comes to an end.
import { seededRandom } from '../../src/core/index.js'
import { evaluation } from './evaluation.fuzz.js'
import { ledger } from './ledger.fuzz.js'
import { pick } from './mutate.js'
import { safetensors } from './safetensors.fuzz.js'
import { scoreLines } from './score-lines.fuzz.js'
import type { Target } from './target.js'
import type { Report, TargetName, Work } from './work.js'

const targets = { safetensors, 'score-lines': scoreLines, evaluation, ledger } satisfies Record<TargetName, unknown>

/** More for one small file would be memory taken on the word of the file. */
const mostGrowthKb = 64 << 10
const mostFailures = 5

const work = JSON.parse(process.argv[2]!) as Work
await runCases(targets[work.target](work.folder), work)
process.disconnect()

async function runCases(target: Target, { seed, from, cases }: Work): Promise<void> {
  const seeds = await target.seeds()
  for (const input of seeds) if ((await target.read(input)) !== 'read') throw new Error('A valid input was refused.')
  const counts = { read: 0, refused: 0 }
  let failures = 0
  for (let number = from; number < from + cases && failures < mostFailures; number += 1) {
    const random = seededRandom(`${seed} ${work.target} ${number}`)
    const input = target.mutate(random, pick(random, seeds))
    const reading = async (bytes: Buffer) => {
      await report({ type: 'case', number })
      return await outcomeOf(target, bytes)
    }
    const outcome = await reading(input)
    if (outcome === 'read' || outcome === 'refused') {
      counts[outcome] += 1
      continue
    }
    failures += 1
    const smaller = await shrunk(reading, input)
    await report({ type: 'failure', number, base64: smaller.toString('base64'), reason: outcome.message })
  }
  await report({ type: 'end', ...counts, failures })
}

async function outcomeOf(target: Target, input: Buffer): Promise<'read' | 'refused' | Error> {
  const before = process.resourceUsage().maxRSS
  try {
    const outcome = await target.read(input)
    const grown = process.resourceUsage().maxRSS - before
    return grown > mostGrowthKb ? new Error(`${input.length} bytes took ${grown} kB of memory`) : outcome
  } catch (error) {
    return error instanceof Error ? new Error(error.stack) : new Error(String(error))
  }
}

/** Without what need not be there: pieces are left out, ever smaller ones, while the rest still fails. */
async function shrunk(reading: (bytes: Buffer) => Promise<unknown>, input: Buffer): Promise<Buffer> {
  let smallest = input
  let attempts = 300
  for (let size = input.length >> 1; size >= 1; size >>= 1)
    for (let at = 0; at < smallest.length && attempts > 0; attempts -= 1) {
      const rest = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
      if ((await reading(rest)) instanceof Error) smallest = rest
      else at += size
    }
  return smallest
}

/** Waits until it is sent: whoever watches is to know which case is being read. */
function report(message: Report): Promise<void> {
  return new Promise((resolve) => process.send!(message, undefined, {}, () => resolve()))
}
