import { evalite } from 'evalite'

evalite('capitals', {
  data: async () => [
    { input: 'Paris', expected: 'France' },
    { input: { city: 'Rome' }, expected: 'Italy' },
    { input: 'Bern', expected: 'Switzerland' },
    { input: 'boom', expected: 'x' },
    { input: 'slow', expected: 'x' },
  ],
  task: async (input) => {
    if (input === 'boom') throw new Error('no connection')
    if (input === 'slow') await new Promise(() => {})
    return input === 'Paris' ? 'France' : input?.city === 'Rome' ? 'Italy' : 'Austria'
  },
  scorers: [
    { name: 'Exact', scorer: ({ output, expected }) => (output === expected ? 1 : 0) },
    { name: 'Length', scorer: ({ output }) => 1 / output.length },
  ],
})
