// Token counts of hostile samples: the same ids, counts, quantiles and samples over the limit as tokenizers and NumPy for Python.
import { randomInt } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { countTokens, Dataset, memorySamples, type TokenDistribution } from '../../src/dataset/index.js'
import { readTokenizer } from '../../src/model/index.js'
import { tokenCounter } from '../../src/prompts/index.js'
import { askPython } from './python.js'

const seed = process.env['SEED'] ?? String(randomInt(2 ** 32))

interface Answer {
  readonly tokenizer: string
  readonly kind: string
  readonly end: number
  readonly samples: readonly { readonly id: string; readonly text: string; readonly label: string }[]
  readonly ids: readonly (readonly number[])[]
  readonly prompt: TokenDistribution
  readonly answer: TokenDistribution
  readonly sample: TokenDistribution
  readonly limit: number
  readonly exceeding: readonly string[]
}

const answers = askPython('token-counts.py', { seed, samples: 300 }) as readonly Answer[]
console.log(`SEED=${seed}`)

async function inFolder<T>({ tokenizer, end }: Answer, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-token-counts-'))
  try {
    await writeFile(join(folder, 'tokenizer.json'), tokenizer)
    await writeFile(join(folder, 'tokenizer_config.json'), '{}')
    await writeFile(join(folder, 'config.json'), JSON.stringify({ eos_token_id: end }))
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const fail = (fact: string) => new Error(fact)

it.each(answers)('$kind: the same ids and counts', async (answer) => {
  await inFolder(answer, async (folder) => {
    const tokenizer = await readTokenizer(folder, fail, 'none')
    const different = answer.samples.flatMap(({ text }, index) => {
      const here = tokenizer.encode(text, true)
      return JSON.stringify(here) === JSON.stringify(answer.ids[index])
        ? []
        : [{ text, here, wanted: answer.ids[index] }]
    })
    expect(different.slice(0, 3)).toEqual([])
    const source = memorySamples(answer.samples)
    const dataset = new Dataset({ source, input: 'text', target: 'label' } as never)
    const counts = await countTokens(dataset, tokenCounter(folder), { maximumTokens: answer.limit })
    const { prompt, sample, exceeding, samples } = answer
    expect(counts).toMatchObject({ rows: samples.length, prompt, answer: answer.answer, sample })
    expect([...counts.exceedingIds].sort()).toEqual([...exceeding].sort())
  })
})

it('a single long word: CPU time per character is printed', async () => {
  for (const answer of answers)
    await inFolder(answer, async (folder) => {
      const tokenizer = await readTokenizer(folder, fail, 'none')
      const times = [10_000, 40_000, 160_000].map((length) => {
        const word = 'thequickbrownfox'.repeat(length / 16)
        const before = process.cpuUsage()
        tokenizer.encode(word, true)
        const { user, system } = process.cpuUsage(before)
        return `${length}: ${((user + system) / length).toFixed(2)} µs`
      })
      console.log(`${answer.kind}: ${times.join(', ')} of CPU per character`)
    })
})
