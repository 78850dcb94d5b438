const isWhole = process.env['SHEIKH_CRASHES'] === 'whole'

/** A test crashes at every point in `npm run test:crash`, and at every nth in `npm test`. */
export const everyNth = (nth: number) => (isWhole ? 1 : nth)
