import type { CallContext } from '../../core/index.js'
import type { Row } from '../../model/index.js'
import { fileOf } from '../read-entry.js'
import { Histogram } from './histogram.js'
import type { RowTokenCounter, RowTokens, TokenCounts } from './token-counter.js'

/** Counting holds the event loop for a few milliseconds. After so many tokens, other work gets a turn. */
const tokensPerTurn = 20_000

/** Adds up the tokens of rows. Memory grows with the number of different lengths, not with the number of rows. */
export class TokenTally {
  readonly #counter: RowTokenCounter
  readonly #context: CallContext
  readonly #maximumTokens: number
  readonly #sample = new Histogram()
  readonly #prompt = new Histogram()
  readonly #answer = new Histogram()
  readonly #roles = new Map<string, { messages: number; tokens: number }>()
  #uncounted = 0
  #exceeding = 0
  #sinceTurn = 0

  /** @param maximumTokens `undefined`: no limit. */
  constructor(counter: RowTokenCounter, maximumTokens: number | undefined, context: CallContext) {
    this.#counter = counter
    this.#maximumTokens = maximumTokens ?? Number.POSITIVE_INFINITY
    this.#context = context
  }

  /** @returns the number of tokens, if it exceeds the limit. */
  async add(row: Row<unknown, unknown>): Promise<number | undefined> {
    this.#context.signal.throwIfAborted()
    // The path of a file tells nothing about what a model gets.
    const counted = fileOf(row) === undefined ? await this.#counter.count(row.input, row.target) : undefined
    if (counted === undefined) {
      this.#uncounted += 1
      return undefined
    }
    const { prompt, answer = 0 } = counted
    const tokens = prompt + answer
    this.#keep(counted, tokens)
    this.#sinceTurn += tokens
    if (this.#sinceTurn > tokensPerTurn) {
      this.#sinceTurn = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (tokens <= this.#maximumTokens) return undefined
    this.#exceeding += 1
    return tokens
  }

  #keep({ prompt, answer, roles = [] }: RowTokens, tokens: number): void {
    this.#sample.add(tokens)
    this.#prompt.add(prompt)
    if (answer !== undefined) this.#answer.add(answer)
    for (const { role, tokens } of roles) {
      const sum = this.#roles.get(role) ?? { messages: 0, tokens: 0 }
      this.#roles.set(role, sum)
      sum.messages += 1
      sum.tokens += tokens
    }
  }

  /** What was added so far. */
  counts(): Omit<TokenCounts, 'tokenizer'> {
    const roles = [...this.#roles].sort(([one], [other]) => (one < other ? -1 : 1))
    const limit = { maximumTokens: this.#maximumTokens, exceeding: this.#exceeding }
    return {
      ...{ rows: this.#sample.size, uncounted: this.#uncounted },
      ...{ sample: this.#sample.distribution(), prompt: this.#prompt.distribution() },
      ...(this.#answer.size > 0 && { answer: this.#answer.distribution() }),
      ...(roles.length > 0 && { roles: Object.fromEntries(roles) }),
      ...(Number.isFinite(this.#maximumTokens) && { limit }),
    }
  }
}
