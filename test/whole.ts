const scope = process.env['SHEIKH_TESTS']

/** `npm test` runs samples and small sizes. With SHEIKH_TESTS=whole, as in CI, everything runs in full. */
export const isWhole = scope === 'whole' || scope === 'crashes'

/** A test crashes at every nth write: in `npm test`, and in CI. `npm run test:crash` crashes at each. */
export const everyNth = (quick: number, whole: number): number => {
  if (scope === 'crashes') return 1
  return isWhole ? whole : quick
}
