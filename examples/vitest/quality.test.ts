// An evaluation suite whose last step compares its scores with a baseline in Git. A proven regression fails the test.
// First run: SHEIKH_ACCEPT_BASELINE=1 npx vitest run, then commit .sheikh-gate/. Later runs: npx vitest run
import { type BaselineMatchers, baselineMatchers, compareWithBaseline } from 'sheikh-freemium/testing'
import { expect, test } from 'vitest'
import { questions } from './questions.js'
import { route } from './router.js'

declare module 'vitest' {
  interface Matchers extends BaselineMatchers {}
}
expect.extend(baselineMatchers)

test('the router is not worse than its baseline', async () => {
  const scores = questions.map(({ id, text, team }) => ({ id, score: route(text) === team, slices: { team } }))
  expect(await compareWithBaseline(scores, { name: 'router', margin: 0.03 })).toPass()
})
