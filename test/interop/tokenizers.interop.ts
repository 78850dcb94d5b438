// Generated tokenizers: the same tokens and texts as the library for Python, or an error that names the setting.
import { randomInt } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { LlamaConfig } from '../../src/trainer/tfjs/llama/llama-config.js'
import { loadTokens, type Tokens } from '../../src/trainer/tfjs/llama/tokens.js'
import { askPython } from './python.js'

const seed = process.env['SEED'] ?? String(randomInt(2 ** 32))
const count = { tokenizers: 200, texts: 500 }

interface Answer {
  readonly tokenizer: string
  readonly size: number
  readonly texts: readonly string[]
  /** `null` where Python fails. */
  readonly ids: readonly (readonly number[] | null)[]
  readonly bare: readonly (readonly number[] | null)[]
  readonly decoded: readonly (string | null)[]
}

class Refused extends Error {}
const fail = (fact: string) => new Refused(fact)

async function load({ tokenizer, size }: Answer): Promise<Tokens> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-tokenizer-'))
  try {
    await writeFile(join(folder, 'tokenizer.json'), tokenizer)
    await writeFile(join(folder, 'tokenizer_config.json'), '{}')
    return await loadTokens(folder, { vocabularySize: size, endTokens: [] as readonly number[] } as LlamaConfig, fail)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** `undefined` where a part of the text has no token. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

it(`${count.tokenizers} tokenizers, ${count.texts} texts each`, async () => {
  console.log(`SEED=${seed}`)
  const answers = askPython('generated-tokenizers.py', { seed, ...count }) as readonly Answer[]
  const refusals = new Map<string, number>()
  const different: unknown[] = []
  let [loaded, equal, withoutToken] = [0, 0, 0]
  for (const answer of answers) {
    let tokens: Tokens
    try {
      tokens = await load(answer)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const [, settings = error.message] = /not supported: (.*); /.exec(error.message) ?? []
      for (const setting of settings.split(', ')) refusals.set(setting, (refusals.get(setting) ?? 0) + 1)
      continue
    }
    loaded += 1
    const { model, added_tokens: _, ...settings } = JSON.parse(answer.tokenizer) as Record<string, object>
    const about = { ...settings, model: { ...model, vocab: undefined, merges: undefined } }
    for (const [index, text] of answer.texts.entries()) {
      const wanted = [answer.ids[index], answer.bare[index], answer.decoded[index]?.trim()]
      const ids = attempt(() => tokens.encodePrompt(text))
      const bare = attempt(() => tokens.encodeAnswer(text))
      const decoded = answer.ids[index] && tokens.decodeAnswer([], answer.ids[index])
      if (ids === undefined || bare === undefined) withoutToken += 1
      else if (JSON.stringify([ids, bare, decoded]) === JSON.stringify(wanted)) equal += 1
      else {
        different.push({ about, text, here: [ids, bare, decoded], wanted })
        break
      }
    }
  }
  console.log(
    `${answers.length} tokenizers, ${loaded} supported; of their texts ${equal} equal, ${withoutToken} without a token here`,
  )
  for (const [setting, times] of [...refusals].sort((a, b) => b[1] - a[1]).slice(0, 20))
    console.log(`  ${times} × ${setting}`)
  expect(different.slice(0, 12)).toEqual([])
  expect(loaded).toBeGreaterThan(answers.length / 10)
})
