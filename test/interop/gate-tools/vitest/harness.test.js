import { expect } from 'vitest'
import { createHarness, createJudge, describeEval } from 'vitest-evals'

const answers = { Paris: 'France', Rome: 'Italy', Bern: 'Austria' }
const judge = createJudge('Country', async ({ output }) => ({
  score: output === 'Austria' ? 0.25 : 1,
  metadata: { rationale: 'x' },
}))
const harness = createHarness({
  name: 'capitals',
  run: async ({ input }) => {
    if (input === 'boom') throw new Error('no connection')
    return {
      output: answers[input],
      messages: [
        { role: 'user', content: input },
        { role: 'assistant', content: String(answers[input]) },
      ],
    }
  },
})
describeEval('capitals', { harness, judges: [judge], judgeThreshold: 0.5 }, (it) => {
  it('Paris', async ({ run }) => {
    const r = await run('Paris')
    expect(r.output).toBe('France')
  })
  it('Rome', async ({ run }) => {
    await run('Rome')
  })
  it('Bern', async ({ run }) => {
    await run('Bern')
  })
  it('boom', async ({ run }) => {
    await run('boom')
  })
})
