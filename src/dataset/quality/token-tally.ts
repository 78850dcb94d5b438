import { Histogram } from './histogram.js'
import type { RowTokenCounter, RowTokens, TokenCounts } from './token-counter.js'

/** Counting holds the event loop for a few milliseconds. After so many tokens, other work gets a turn. */
const tokensPerTurn = 20_000

/** Counts tokens, and gives other work a turn. */
export class TokenTurns {
  readonly #counter: RowTokenCounter
  #sinceTurn = 0

  constructor(counter: RowTokenCounter) {
    this.#counter = counter
  }

  async count(input: unknown, target: unknown): Promise<RowTokens | undefined> {
    const counted = await this.#counter.count(input, target)
    this.#sinceTurn += counted === undefined ? 0 : tokensOf(counted)
    if (this.#sinceTurn > tokensPerTurn) {
      this.#sinceTurn = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
    return counted
  }
}

const tokensOf = ({ prompt, answer = 0 }: RowTokens) => prompt + answer

/** Adds up the tokens of rows. Memory grows with the number of different lengths, not with the number of rows. */
export class TokenTally {
  readonly #maximumTokens: number
  readonly #sample = new Histogram()
  readonly #prompt = new Histogram()
  readonly #answer = new Histogram()
  readonly #roles = new Map<string, { messages: number; tokens: number }>()
  #uncounted = 0
  #exceeding = 0

  /** @param maximumTokens `undefined`: no limit. */
  constructor(maximumTokens: number | undefined) {
    this.#maximumTokens = maximumTokens ?? Number.POSITIVE_INFINITY
  }

  /**
   * Adds a row.
   *
   * @param counted `undefined`: the row has no tokens.
   * @returns the number of tokens, if it exceeds the limit.
   */
  add(counted: RowTokens | undefined): number | undefined {
    if (counted === undefined) {
      this.#uncounted += 1
      return undefined
    }
    const tokens = tokensOf(counted)
    this.#keep(counted, tokens)
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
