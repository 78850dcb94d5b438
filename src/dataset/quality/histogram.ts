import type { TokenDistribution } from './token-counter.js'

/** Counts integers. Memory grows with the number of different ones. */
export class Histogram {
  readonly #counts = new Map<number, number>()
  size = 0

  add(value: number): void {
    this.size += 1
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
  }

  distribution(): TokenDistribution {
    const values = [...this.#counts].sort(([one], [other]) => one - other)
    const quantile = (share: number) => {
      let left = Math.ceil(share * this.size)
      for (const [value, count] of values) {
        left -= count
        if (left <= 0) return value
      }
      return 0
    }
    return {
      minimum: values[0]?.[0] ?? 0,
      median: quantile(0.5),
      p95: quantile(0.95),
      maximum: values.at(-1)?.[0] ?? 0,
      total: values.reduce((sum, [value, count]) => sum + value * count, 0),
    }
  }
}
