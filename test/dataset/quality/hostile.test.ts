import { describe, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { checkQuality, Dataset, memorySamples } from '../../../src/dataset/index.js'
import { charsetPatterns } from '../../../src/dataset/quality/charset.js'
import { confidentLearning } from '../../../src/dataset/quality/confident-learning.js'
import { personalDataPatterns } from '../../../src/dataset/quality/personal-data.js'
import { SecretScanner } from '../../../src/dataset/quality/secrets.js'
import { isWhole } from '../../whole.js'

const check = (samples: readonly unknown[], options = {}) =>
  checkQuality(
    new Dataset({ source: memorySamples(samples), input: 'text', target: 'label' }),
    { evaluation: 'none', ...options },
    callContext(),
  )

describe('hostile samples', () => {
  it('a text of 2 MB, 50 MB in CI, is checked whole', async () => {
    const text = `${'lorem ipsum dolor '.repeat(isWhole ? 2_800_000 : 112_000)}ghp_${'a1B2'.repeat(9)} \ufffd`
    const { findings } = await check([{ id: 'huge', text, label: 'a' }], { personalData: 'warn' })
    expect(findings.map(({ kind }) => kind).sort()).toEqual(['charset', 'oversized-text', 'secret'])
  })

  it('a secret at every place of a long text', async () => {
    const token = `ghp_${'a1B2'.repeat(9)}`
    for (const place of [0, 57_300, 57_343, 65_500, 65_536, 114_660, 200_000]) {
      const found: string[] = []
      const scanner = new SecretScanner<string>((key) => found.push(key))
      await scanner.add('clean', 'x '.repeat(10))
      await scanner.add('long', `${'y '.repeat(place / 2)} ${token} ${'z '.repeat(60_000)}`)
      await scanner.add('after', 'x '.repeat(10))
      await scanner.flush()
      expect([...new Set(found)], String(place)).toEqual(['long'])
    }
  })

  it('two thousand equal texts, a hundred thousand in CI, are one finding', async () => {
    const length = isWhole ? 100_000 : 2_000
    const samples = Array.from({ length }, (_, id) => ({
      id: `s${id}`,
      text: 'the very same text for all of us',
    }))
    const { findings } = await check(samples.map((sample) => ({ ...sample, label: 'a' })))
    expect(findings).toMatchObject([{ kind: 'duplicate', match: 'exact', ids: { length } }])
  })

  // A match of bounded length that starts at each place: the time is linear in the length of the text.
  it.each([...personalDataPatterns, ...charsetPatterns])('no repetition without a bound: %s', ({ source }) => {
    const quantifiers = source.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x')
    expect(quantifiers).not.toMatch(/[*+]|\{\d+,\}/)
    for (const [, most] of quantifiers.matchAll(/\{(?:\d+,)?(\d+)\}/g)) expect(Number(most)).toBeLessThanOrEqual(64)
  })

  it('names of members that mean something to JavaScript', async () => {
    const samples = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then'].flatMap((name) =>
      Array.from({ length: 5 }, (_, index) =>
        JSON.parse(
          `{"id": "${name}${index}", "text": "about ${name} ${index}", "label": "${name}", "${name}": {"x": "\\ufffd"}}`,
        ),
      ),
    )
    const { findings } = await check(samples, { license: { allowed: ['MIT'], byFolder: {} } })
    expect(findings.filter(({ kind }) => kind === 'charset')).toHaveLength(25)
    expect(findings.filter(({ kind }) => kind === 'license')).toHaveLength(1)
    expect(findings.filter(({ kind }) => kind === 'balance')).toHaveLength(0)
  })
})

// The example of Northcutt et al., section 3.1, in small: thresholds are the mean self-confidence per label.
it('confident learning takes the most probable label among those that reach their threshold', () => {
  const probabilities = [
    [0.9, 0.1],
    [0.8, 0.2],
    [0.1, 0.9],
    [0.2, 0.8],
    [0.3, 0.7],
    [0.6, 0.4],
  ]
  // Thresholds: (0.9 + 0.8 + 0.1) / 3 = 0.6 for label 0, (0.8 + 0.7 + 0.4) / 3 = 0.63 for label 1.
  expect(confidentLearning([0, 0, 0, 1, 1, 1], probabilities.flat(), 2)).toEqual([
    { row: 2, suggested: 1, probability: 0.9 },
    { row: 5, suggested: 0, probability: 0.6 },
  ])
})
