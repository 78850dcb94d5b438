import { expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { checkQuality, Dataset, memorySamples } from '../../../src/dataset/index.js'
import { plantedSecrets } from './planted-secrets.js'

it.each(Object.entries(plantedSecrets))(
  'no finding contains a secret, wherever a sample has it: %s',
  async (_, secret) => {
    const text = (index: number) => `an ordinary sentence about the matter number ${index % 4} of today`
    const samples = Array.from({ length: 40 }, (_, index) => ({
      id: index === 3 ? secret : `s${index}`,
      text: index === 5 ? `the key is ${secret}` : text(index),
      label: index % 10 === 0 ? secret : ['a', 'b'][index % 2],
      topic: index % 7 === 0 ? secret : 'mail',
      license: index % 9 === 0 ? secret : 'MIT',
      source: index % 9 === 0 ? ` ${secret} ` : 'desk',
      [index % 8 === 0 ? `${secret}/x` : 'note']: { [secret]: 'damaged \ufffd' },
    }))
    const dataset = new Dataset({ source: memorySamples(samples), input: 'text', target: 'label', slices: ['topic'] })
    const drifted = {
      labels: { training: { a: 400, b: 400 }, evaluation: {} },
      slices: { training: { 'topic=mail': 800 }, evaluation: {} },
    }
    const options = {
      license: { allowed: ['MIT'] },
      source: { allowed: ['desk'] },
      personalData: 'warn',
      drift: { level: 0.5, minimumEffect: 0, minimumRows: 1 },
    } as const
    const report = await checkQuality(dataset, { evaluation: 'none', released: drifted, ...options }, callContext())
    const kinds = new Set(report.findings.map(({ kind }) => kind))
    for (const kind of ['secret', 'license', 'source', 'label-conflict', 'charset', 'duplicate', 'drift'] as const)
      expect(kinds).toContain(kind)
    const written = JSON.stringify(report)
    for (const line of secret.split('\n').filter(({ length }) => length > 12)) expect(written).not.toContain(line)
  },
)
