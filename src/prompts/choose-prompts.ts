import type { CallContext } from '../core/index.js'
import { Histogram, rankOf, type TokenDistribution } from '../dataset/index.js'

export const promptChoices = ['shortest', 'median', 'longest', 'by-id'] as const

/** Why a prompt was chosen. `by-id`: by the hash of its id. */
export type PromptChoice = (typeof promptChoices)[number]

export interface ChosenPrompt {
  readonly id: string
  readonly choice: PromptChoice
  readonly text: string
}

interface Prompt {
  readonly id: string
  readonly input: unknown
}

/** Prompts that are chosen by the hash of their ids, at least. */
const mostById = 5

/**
 * Chooses a few prompts for people to look at: the shortest, the median and the longest in UTF-16 code units, and five or more
 * others by the hashes of their ids, which stay the same as long as the samples exist: eight together. Keeps no other text in memory.
 *
 * @param prompts is read twice. Inputs that are not text are left out.
 */
export async function choosePrompts(
  prompts: AsyncIterable<Prompt>,
  { signal }: CallContext,
): Promise<{
  readonly rows: number
  readonly characters: TokenDistribution
  readonly chosen: readonly ChosenPrompt[]
}> {
  const lengths = new Histogram()
  const [shortest, longest] = [keepBest<PromptCandidate>(1), keepBest<PromptCandidate>(1)]
  const byId = keepBest<PromptCandidate>(mostById + 3)
  for await (const { id, input } of prompts) {
    signal.throwIfAborted()
    if (typeof input !== 'string') continue
    lengths.add(input.length)
    const rank = rankOfId(id)
    shortest.add({ id, text: input, order: input.length, rank })
    longest.add({ id, text: input, order: -input.length, rank })
    byId.add({ id, text: input, order: 0, rank })
  }
  const characters = lengths.distribution()
  const median = keepBest<PromptCandidate>(1)
  for await (const { id, input } of prompts) {
    signal.throwIfAborted()
    if (typeof input === 'string' && input.length === characters.median)
      median.add({ id, text: input, order: 0, rank: rankOfId(id) })
  }
  const chosen = new Map<string, ChosenPrompt>()
  for (const [choice, { kept }] of [
    ['shortest', shortest],
    ['median', median],
    ['longest', longest],
    ['by-id', byId],
  ] as const)
    for (const { id, text } of kept)
      if (!chosen.has(id) && chosen.size < mostById + 3) chosen.set(id, { id, choice, text })
  return { rows: lengths.size, characters, chosen: [...chosen.values()] }
}

/** The same for the same id, whatever other samples there are. */
export const rankOfId = (id: string): bigint => rankOf(id, { salt: 'prompts', purpose: 'examples' })

interface Candidate {
  readonly order: number
  readonly rank: bigint
}

interface PromptCandidate extends Candidate {
  readonly id: string
  readonly text: string
}

const isBefore = (one: Candidate, other: Candidate) =>
  one.order < other.order || (one.order === other.order && one.rank < other.rank)

/** Keeps the first candidates by order, and by rank among equals. */
export function keepBest<C extends Candidate>(most: number) {
  const kept: C[] = []
  return {
    kept: kept as readonly C[],
    add(candidate: C): void {
      const last = kept[most - 1]
      if (last !== undefined && !isBefore(candidate, last)) return
      const place = kept.findIndex((other) => isBefore(candidate, other))
      kept.splice(place < 0 ? kept.length : place, 0, candidate)
      kept.length = Math.min(kept.length, most)
    },
  }
}
