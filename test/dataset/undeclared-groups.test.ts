import { describe, expect, it } from 'vitest'
import { loadMails } from '../../examples/quickstart/mails.js'
import { seededRandom } from '../../src/core/index.js'
import { undeclaredGroups } from '../../src/dataset/undeclared-groups.js'
import { generateSamples } from '../../src/repository/init/generate-samples.js'
import { isWhole } from '../whole.js'

const random = seededRandom('undeclared-groups')
const letters = 'abcdefghijklmnopqrstuvwxyz'
const vocabulary = Array.from({ length: 2_000 }, () =>
  Array.from({ length: 3 + random.below(6) }, () => letters[random.below(26)]).join(''),
)
/** Few words are frequent, as in a language. */
const word = () => vocabulary[Math.floor((random.below(1_000) / 1_000) ** 3 * vocabulary.length)]!
const words = (count: number) => Array.from({ length: count }, word).join(' ')

const rowsOf = (texts: readonly unknown[], group?: string) =>
  texts.map((input, index) => ({ id: `item${index * 7919}x`, input, ...(group !== undefined && { group }) }))
const inFives = (text: (stem: string, index: number) => unknown, stemOf: () => string = () => words(12)) => {
  const stems = Array.from({ length: 40 }, stemOf)
  return Array.from({ length: 200 }, (_, index) => text(stems[Math.floor(index / 5)]!, index))
}

const someMails = () => loadMails().slice(0, isWhole ? undefined : 400)

describe('texts that suggest groups nobody declared', () => {
  it.each<[string, readonly unknown[]]>([
    ['one template with other numbers', inFives((stem, index) => `${stem} ${index} ${stem.length}`)],
    [
      'a long prefix and a question of its own',
      inFives(
        (stem) => `${stem} ${words(4)}`,
        () => words(40),
      ),
    ],
    ['letter case and punctuation', inFives((stem, index) => (index % 2 === 0 ? stem.toUpperCase() : `${stem}!`))],
    ['one word replaced', inFives((stem) => `${word()} ${stem.split(' ').slice(1).join(' ')}`)],
    ['records', inFives((stem, index) => ({ title: stem, year: index }))],
    [
      'one prompt around all',
      inFives((stem, index) => `Classify the ticket as one of the labels below. ${stem} ${index}`),
    ],
    [
      'no spaces between words',
      inFives(
        (stem, index) => `${stem}${'日月火水木金土'[index % 7]}`,
        () => Array.from({ length: 12 }, () => String.fromCodePoint(0x4e00 + random.below(3000))).join(''),
      ),
    ],
  ])('%s', (_, texts) => {
    const [warning, ...others] = undeclaredGroups(rowsOf(texts))
    expect(others).toEqual([])
    expect(warning).toMatchObject({ code: 'undeclared-groups', ids: ['item0x', 'item7919x'] })
    expect(warning!.message).toMatch(/"item0x" and "item7919x".*projection\.group/)
    expect(undeclaredGroups(rowsOf(texts, 'declared'))).toEqual([])
  })

  it.each<[string, () => readonly string[]]>([
    ['short messages', () => Array.from({ length: 5_000 }, () => words(1 + random.below(12)))],
    ['long texts', () => Array.from({ length: 500 }, () => words(200))],
    [
      'short messages in one prompt',
      () => Array.from({ length: 1_000 }, () => `Is this spam? Answer yes or no: ${words(6)}`),
    ],
    [
      'equal short answers',
      () => Array.from({ length: 500 }, (_, index) => ['ok', 'thanks a lot', 'see you'][index % 3]!),
    ],
    ['the tickets of a new project', () => generateSamples().map(({ text }) => text)],
    ['mails', () => someMails().map(({ text }) => text)],
    ['the first words of mails', () => someMails().map(({ text }) => text.slice(0, 160))],
  ])('are not %s', (_, texts) => {
    expect(undeclaredGroups(rowsOf(texts()))).toEqual([])
  })
})

it('ids that suggest groups are named with two items', () => {
  const rows = Array.from({ length: 60 }, (_, index) => ({
    id: `q${Math.floor(index / 3)}-${index % 3}`,
    input: words(9),
  }))
  expect(undeclaredGroups(rows)).toMatchObject([{ code: 'undeclared-groups', ids: ['q0-0', 'q0-1'] }])
})
