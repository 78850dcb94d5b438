import { describeEval } from 'vitest-evals/legacy'

const data = [
  { name: 'two', input: '1+1', expected: '2' },
  { name: 'four', input: '2+2', expected: '4' },
  { name: 'six', input: '3+3', expected: '6' },
]
describeEval('sums', {
  data: async () => data,
  task: async (input) => ({ '1+1': '2', '2+2': 'four', '3+3': '6' })[input],
  scorers: [
    async function Exact({ output, expected }) {
      return { score: output === expected ? 1 : 0 }
    },
    async function Length({ output }) {
      return { score: 1 / output.length }
    },
  ],
  threshold: 0.5,
})
