import { describe, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { checkQuality, Dataset, memorySamples } from '../../../src/dataset/index.js'
import { charsetProblems, normalFormOf } from '../../../src/dataset/quality/charset.js'
import { confidentLearning } from '../../../src/dataset/quality/confident-learning.js'
import { personalDataIn } from '../../../src/dataset/quality/personal-data.js'
import { SecretScanner } from '../../../src/dataset/quality/secrets.js'

const kinds = ['email', 'phone', 'iban', 'card'] as const
const check = (samples: readonly unknown[], options = {}) =>
  checkQuality(
    new Dataset({ source: memorySamples(samples), input: 'text', target: 'label' }),
    { evaluation: 'none', ...options },
    callContext(),
  )

/** Processor time, which other programs on the machine change less than the time on the clock. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage().user
  work()
  return (process.cpuUsage().user - before) / 1000
}

describe('hostile samples', () => {
  it('a text of 50 MB is checked whole', async () => {
    const text = `${'lorem ipsum dolor '.repeat(2_800_000)}ghp_${'a1B2'.repeat(9)} \ufffd`
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

  it('100,000 equal texts are one finding', async () => {
    const samples = Array.from({ length: 100_000 }, (_, id) => ({
      id: `s${id}`,
      text: 'the very same text for all of us',
    }))
    const { findings } = await check(samples.map((sample) => ({ ...sample, label: 'a' })))
    expect(findings).toMatchObject([{ kind: 'duplicate', match: 'exact', ids: { length: 100_000 } }])
  })

  // Eight times the text takes 64 times as long if the time is quadratic. No limit in seconds: the machine may be busy.
  it.each([
    ...[
      'a',
      'a@',
      '@',
      'a.',
      'a@a.',
      '1',
      '1 ',
      '+1',
      '+1 1',
      '(',
      '(1) ',
      '4111 ',
      'GB12',
      'GB12 ABCD ',
      'A1',
      '-',
      '0/',
    ],
    ...['Â', 'Ã', 'Ð', '\u00d0\u0080', 'â€', '\u0301', 'e\u0301', '\ufeff', ' '],
  ])('patterns take linear time for a repeated %j', (unit) => {
    const time = (size: number) => {
      const text = unit.repeat(size / unit.length)
      const once = () =>
        cpuMs(() => {
          personalDataIn(text, kinds)
          charsetProblems(text)
          normalFormOf(text)
        })
      once()
      return Math.min(once(), once(), once())
    }
    expect(time(2 ** 18) / Math.max(time(2 ** 15), 2)).toBeLessThan(32)
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
