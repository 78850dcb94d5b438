import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { boundedPattern } from '../../src/dataset/schema/bounded-pattern.js'
import { compileJsonSchema } from '../../src/dataset/schema/json-schema.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'

const context = callContext()
const draft = (name: string) =>
  name.startsWith('2') ? `https://json-schema.org/draft/${name}/schema` : `http://json-schema.org/draft-${name}/schema#`

describe('drafts of JSON Schema', () => {
  // What only that draft, and perhaps later ones, has: the first value is valid, the second is not.
  const keywords = {
    '04': [{ properties: { a: { maximum: 1, exclusiveMaximum: true } } }, { a: 0.5 }, { a: 1 }],
    '06': [{ properties: { a: { const: 1 } } }, { a: 1 }, { a: 2 }],
    '07': [{ if: { required: ['a'] }, else: { required: ['b'] } }, { a: 1 }, { c: 1 }],
    '2019-09': [{ properties: { a: true }, unevaluatedProperties: false }, { a: 1 }, { b: 1 }],
    '2020-12': [{ properties: { a: { prefixItems: [{ type: 'string' }] } } }, { a: ['x'] }, { a: [1] }],
  } as const
  it.each(Object.entries(keywords))('draft %s is read', async (name, [schema, valid, invalid]) => {
    const check = await compileJsonSchema('"s.json"', { $schema: draft(name), ...schema }, context)
    expect(check(valid)).toEqual({ value: valid })
    expect(check(invalid)).toMatchObject({ problems: expect.arrayContaining([expect.any(String)]) as unknown })
  })

  it.each(['http://json-schema.org/schema#', 'http://json-schema.org/draft-03/schema#', 'https://example.org/x', 7])(
    'another one (%s) is refused by name',
    async ($schema) => {
      await expect(compileJsonSchema('"s.json"', { $schema }, context)).rejects.toMatchObject({
        code: 'invalid-config',
        message: expect.stringContaining('04, 06, 07, 2019-09 and 2020-12'),
      })
    },
  )
})

describe('patterns of a schema', () => {
  const hostile = [
    ['^(([a-z ])+.)+[A-Z]([a-z])+$', 'a'.repeat(40)],
    ['^(a|a)*$', `${'a'.repeat(40)}b`],
    ['^(a?){30}a{30}$', 'a'.repeat(29)],
    ['(x+x+)+y', 'x'.repeat(40)],
    ['^(\\w+\\s?)*$', `${'word '.repeat(12)}!`],
    ['\\s+$', `${' '.repeat(200_000)}x`],
    ['(.*)\\1(.*)\\2z', 'ab'.repeat(2000)],
  ] as const
  it.each(hostile.slice(0, isWhole ? undefined : 1))('%s ends, with its name', (source, text) => {
    let outcome: unknown
    try {
      outcome = boundedPattern(source, 'u').test(text)
    } catch (error) {
      outcome = error
    }
    // V8 may be quick on one of them; what counts is that none goes on for ever and an error names the pattern.
    expect([
      false,
      expect.objectContaining({ code: 'invalid-config', facts: { pattern: source, textLength: text.length } }),
    ]).toContainEqual(outcome)
  })

  it('ordinary ones answer as RegExp does, watched or not', () => {
    const sources = [
      '^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$',
      '^\\d{4}-\\d\\d-\\d\\d$',
      '^(ab|cd)+$',
      '\\p{Lu}',
      '^.{0,10}$',
      '',
      '[)(]+',
    ]
    const texts = ['a@b.example', '2026-01-01', 'abcdab', 'É', 'x'.repeat(5000), '', '()', '😀']
    for (const source of sources)
      for (const text of texts)
        expect([source, text, boundedPattern(source, 'u').test(text)]).toEqual([
          source,
          text,
          new RegExp(source, 'u').test(text),
        ])
  })

  it.each(['07', '2020-12'])('are each checked, in draft %s', async (draft) => {
    const uri =
      draft === '07' ? 'http://json-schema.org/draft-07/schema#' : `https://json-schema.org/draft/${draft}/schema`
    const schema = { $schema: uri, properties: { a: { pattern: '^a' }, b: { pattern: '^b' } } }
    const check = await compileJsonSchema('"s.json"', schema, context)
    expect(check({ a: 'a', b: 'b' })).toEqual({ value: { a: 'a', b: 'b' } })
    expect(check({ a: 'b', b: 'a' })).toEqual({
      problems: ['/a must match pattern "^a"', '/b must match pattern "^b"'],
    })
  })

  itInFull('that take too long end the check of a sample', async () => {
    const schema = { properties: { text: { type: 'string', pattern: '^(a+)+$' } } }
    const check = await compileJsonSchema('"s.json"', schema, context)
    expect(check({ text: 'aaa' })).toEqual({ value: { text: 'aaa' } })
    expect(() => check({ text: `${'a'.repeat(60)}!` })).toThrow('Cannot use the pattern "^(a+)+$" of the JSON Schema')
  })
})
