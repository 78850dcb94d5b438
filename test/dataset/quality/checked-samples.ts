// Samples with a fault of each kind that a data check looks for, and rows of many shapes.
import { digestJson, seededRandom } from '../../../src/core/index.js'
import {
  type CheckQualityOptions,
  Dataset,
  memorySamples,
  pinnedSet,
  proposePinnedSet,
  type TokenCounter,
} from '../../../src/dataset/index.js'
import { plantedSecrets } from './planted-secrets.js'

const random = seededRandom('checked-samples')
const topics = ['fruit', 'cars'].map((topic) => Array.from({ length: 400 }, (_, index) => `${topic}${index}x`))
const about = (topic: number, words: number) =>
  Array.from({ length: words }, () => topics[topic]![random.below(400)]!).join(' ')

export const knownSecret = 'opensesame-of-the-host'

const oddTexts = [
  ...Object.values(plantedSecrets),
  `the password is ${knownSecret}`,
  `encoded: ${encodeURIComponent(`${knownSecret}/ü`)}`,
  // A key that begins in one row and ends in the next, for a scan of neighbours.
  '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn',
  'MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn\n-----END RSA PRIVATE KEY-----',
  'call +49 30 1234567 or write to ann@example.org',
  'broken \ufffd, cafÃ© and \u0007',
  'a rare \u{1f600} character, "quotes" and \\ and \u2028',
  'cafe\u0301 in two forms',
  'café in one form',
  '   ',
  '',
  'x'.repeat(30_000),
  'Thank you!',
  'thank  you',
  '日本語の文章は空白で区切られません。',
]

const long = about(0, 60)

/** 2,200 rows; every seventh has a text of the odd ones, a near copy, or a wrong label. */
const samples = Array.from({ length: 2_200 }, (_, index) => {
  const topic = index % 2
  const odd = oddTexts[(index / 7) % oddTexts.length]
  const text =
    index % 7 === 0 && index < 700
      ? odd!
      : index % 50 === 3
        ? `${long} ${index % 3}`
        : about(topic, 10 + random.below(20))
  return {
    id: index === 1234 ? plantedSecrets['github']! : `row ${index}`,
    text,
    label: (index % 91 === 5 ? 1 - topic : topic) === 0 ? 'fruit' : 'cars',
    license: index % 30 === 0 ? 'GPL-3.0' : 'MIT',
    nested: { notes: [`note ${index}`, { [`name ${index % 40}`]: index % 41 === 0 ? knownSecret : 'plain' }] },
  }
})

/** Texts, or conversations: inputs that are JSON. */
export async function checkedDataset(form: 'text' | 'json'): Promise<Dataset<unknown, unknown>> {
  const shaped = samples.map(({ text, ...sample }, index) => ({
    ...sample,
    text:
      form === 'text'
        ? text
        : [
            { role: 'user', content: text },
            { role: 'assistant', content: index % 5 },
          ],
  }))
  const parts = { source: memorySamples(shaped), input: 'text', target: 'label', id: 'id' } as const
  const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'check', share: 0.2 })
  return new Dataset({ ...parts, evaluation: pinnedSet(pinned) }) as Dataset<unknown, unknown>
}

/** Counts words as tokens. */
export const countsWords = (version = '1'): TokenCounter => ({
  name: 'words',
  digest: async () => digestJson({ counter: 'words', version }),
  open: async () => ({
    async count(input, target) {
      if (typeof input !== 'string') return undefined
      const answer = typeof target === 'string' ? target.split(' ').length : undefined
      return { prompt: input.split(' ').length, answer, roles: [{ role: 'user', tokens: 1 }] }
    },
  }),
})

export const checks: CheckQualityOptions = {
  personalData: 'warn',
  license: { allowed: ['MIT'] },
  oversizedText: { maximumCharacters: 10_000 },
  tokenLimit: { counter: countsWords(), maximumTokens: 50 },
  secrets: [knownSecret],
}
