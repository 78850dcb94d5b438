const scope = process.env['SHEIKH_TESTS']

/** `npm test` runs samples and small sizes. With SHEIKH_TESTS=whole, as in CI, everything runs in full. */
export const isWhole = scope === 'whole' || scope === 'crashes'

/** Of so many rounds of the same kind, `npm test` does an eighth. */
export const rounds = (whole: number): number => (isWhole ? whole : Math.ceil(whole / 8))

/** Of cases of the same kind, `npm test` tests a few that are evenly apart, always the same ones. */
export function sampleOf<T>(all: readonly T[], count: number): readonly T[] {
  if (isWhole || all.length <= count) return all
  return Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)] as T)
}

/** The largest share of `count` simulations in which what has a chance of 5 % may happen: three standard errors more. */
export const largestShare = (count: number): number => 0.05 + 3 * Math.sqrt((0.05 * 0.95) / count)

/** A test crashes at every nth write: in `npm test`, and in CI. `npm run test:crash` crashes at each. */
export const everyNth = (quick: number, whole: number): number => {
  if (scope === 'crashes') return 1
  return isWhole ? whole : quick
}
