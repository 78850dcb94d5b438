import fc from 'fast-check'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { choosePrompts, rankOfId } from '../../src/prompts/index.js'

interface Prompt {
  readonly id: string
  readonly input: unknown
}
const iterable = (prompts: readonly Prompt[]) => ({
  async *[Symbol.asyncIterator]() {
    yield* prompts
  },
})
const choose = (prompts: readonly Prompt[]) => choosePrompts(iterable(prompts), callContext())
const chosenBy = (chosen: readonly { readonly id: string; readonly choice: string }[], choice: string) =>
  chosen.filter((one) => one.choice === choice).map(({ id }) => id)

it('chooses as a full sort does, in any order of the prompts', async () => {
  const prompts = fc.uniqueArray(fc.record({ id: fc.string(), input: fc.oneof(fc.string(), fc.integer()) }), {
    selector: ({ id }) => id,
    minLength: 1,
    maxLength: 40,
  })
  await fc.assert(
    fc.asyncProperty(prompts, async (all) => {
      const texts = all
        .flatMap(({ id, input }) => (typeof input === 'string' ? [{ id, text: input, rank: rankOfId(id) }] : []))
        .sort((one, other) => one.text.length - other.text.length || (one.rank < other.rank ? -1 : 1))
      const { rows, characters, chosen } = await choose(all)
      expect(rows).toBe(texts.length)
      expect(await choose(all.toReversed())).toEqual({ rows, characters, chosen })
      if (texts.length === 0) return
      const median = texts.find(({ text }) => text.length === texts[Math.ceil(texts.length / 2) - 1]!.text.length)!
      const longest = texts.find(({ text }) => text.length === texts.at(-1)!.text.length)!
      const byRank = texts.toSorted((one, other) => (one.rank < other.rank ? -1 : 1)).slice(0, 8)
      const wanted = [...new Set([texts[0]!, median, longest, ...byRank].map(({ id }) => id))].slice(0, 8)
      expect(chosen.map(({ id }) => id)).toEqual(wanted)
      expect(characters).toMatchObject({ minimum: texts[0]!.text.length, maximum: longest.text.length })
    }),
    { numRuns: 50 },
  )
})

it('keeps those by id when other samples come', async () => {
  const prompts = Array.from({ length: 300 }, (_, i) => ({ id: `s${i}`, input: `text ${'x'.repeat(i % 50)}` }))
  const before = chosenBy((await choose(prompts)).chosen, 'by-id')
  const more = Array.from({ length: 15 }, (_, i) => ({ id: `new${i}`, input: 'new' }))
  const after = chosenBy((await choose([...prompts, ...more])).chosen, 'by-id')
  expect(before.length).toBeGreaterThanOrEqual(5)
  expect(after.filter((id) => before.includes(id)).length).toBeGreaterThanOrEqual(before.length - 2)
})
