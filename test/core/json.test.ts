import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/core/index.js'
import { fits, json } from '../../src/core/shape.js'

describe('canonicalJson (RFC 8785)', () => {
  it('writes the example of section 3.2.3, keys by UTF-16 code units', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonicalJson(value)))).toHaveLength(7)
    const names = [...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map(([, name]) => name)
    expect(names).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  it('writes the numbers and literals of section 3.2.2', () => {
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    }
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  it('does not depend on the order of keys, and reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('writes every code unit as JSON.stringify does, and sorts objects of any size', () => {
    for (let unit = 0; unit < 0x10000; unit += 1) {
      const text = `a${String.fromCharCode(unit)}b`
      if (text.isWellFormed()) expect(canonicalJson(text)).toBe(JSON.stringify(text))
      else expect(() => canonicalJson(text)).toThrow('lone surrogate')
    }
    for (const count of [2, 31, 32, 33, 100]) {
      const names = Array.from({ length: count }, (_, index) => `${(index * 37) % count}é`)
      const written = canonicalJson(Object.fromEntries(names.map((name) => [name, 1])))
      expect(written).toBe(
        `{${[...names]
          .sort()
          .map((name) => `"${name}":1`)
          .join()}}`,
      )
    }
  })

  it.each([[Number.NaN], [Number.POSITIVE_INFINITY], ['\ud800'], [{ '\udc00': 1 }], [() => 1], [1n], [Symbol('a')]])(
    'refuses %s',
    (value) => {
      expect(() => canonicalJson({ value })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    },
  )

  it('fits the shape of JSON to the same depth', () => {
    const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
    for (const depth of [1, 100, 512, 513, 514, 10_000]) {
      const value = nested(depth)
      const isWritten = (() => {
        try {
          return canonicalJson(value) !== ''
        } catch {
          return false
        }
      })()
      expect(fits(json, value), `${depth}`).toBe(isWritten)
    }
  })

  it('refuses a cycle', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => canonicalJson(cycle)).toThrow(/refers to itself/)
  })
})
