/** The known name that a person most likely meant; `undefined` if none is close. */
export const nearestName = (name: string, known: readonly string[]): string | undefined =>
  nearestNames(name, known, 1)[0]

/** The closest known names, the most likely first; empty if none is close. */
export function nearestNames(name: string, known: readonly string[], maximum: number): readonly string[] {
  const plain = plainName(name)
  return known
    .flatMap((candidate) => {
      const other = plainName(candidate)
      const limit = Math.max(1, Math.floor(Math.max(plain.length, candidate.length) / 4))
      // The distance is at least the difference of the lengths, which is known at once.
      if (Math.abs(plain.length - other.length) > limit) return []
      const distance = editDistance(plain, other)
      return distance > limit ? [] : [{ candidate, distance }]
    })
    .sort((one, other) => one.distance - other.distance)
    .slice(0, maximum)
    .map(({ candidate }) => candidate)
}

// `regressionCheck` and `Regression-Check` mean `regression_check`.
const plainName = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(0, 60)

/**
 * Insertions, deletions, substitutions and swaps of neighbours between two texts: optimal string alignment (G. Navarro,
 * A guided tour to approximate string matching, ACM Computing Surveys 33, 2001).
 */
function editDistance(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1]
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1)
    }
    beforeLast = last
    last = row
  }
  return last[other.length]!
}
