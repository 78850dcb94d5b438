import { describe, expect, it } from 'vitest'

const answers = { 1: 'one', 2: 'two', 3: 'tree', 4: 'four' }
describe('numbers', () => {
  for (const [digit, word] of [
    [1, 'one'],
    [2, 'two'],
    [3, 'three'],
    [4, 'four'],
  ])
    it(`spells ${digit}`, () => expect(answers[digit]).toBe(word))
  it('waits for an answer', () => new Promise(() => {}), 50)
  it('calls the model', () => {
    throw new TypeError('fetch failed')
  })
  it.skip('spells 5', () => {})
  it.todo('spells 6')
  it.fails('spells 7', () => expect(answers[7]).toBe('seven'))
})
describe('repeated', () => {
  let n = 0
  it('flaky', { repeats: 2 }, () => {
    n += 1
    expect(n).toBeLessThan(9)
  })
})
