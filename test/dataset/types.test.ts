import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { Dataset, memorySamples, type Projection, type StandardSchema } from '../../src/dataset/index.js'

interface Mail {
  readonly text: string
}

const Email = z.object({
  id: z.string(),
  text: z.string(),
  label: z.enum(['ham', 'spam']),
  score: z.number().optional(),
})
const source = memorySamples([{ id: '1', text: 'a', label: 'ham' }])
const length: Projection<{ readonly text: string }, number> = {
  contract: 1,
  name: 'length',
  version: '1',
  describe: () => null,
  project: ({ text }) => text.length,
}

describe('types of a dataset', () => {
  it('whatever keeps the specification of Standard Schema is a schema', () => {
    expectTypeOf<StandardSchemaV1<unknown, Mail>>().toExtend<StandardSchema<Mail>>()
  })

  it('fields of a Standard Schema give their types', () => {
    const dataset = new Dataset({
      source,
      schema: Email,
      input: 'text',
      target: 'label',
      group: 'id',
      slices: ['label'],
    })
    expectTypeOf(dataset).toEqualTypeOf<Dataset<string, 'ham' | 'spam'>>()
    expectTypeOf(new Dataset({ source, schema: Email, input: 'text', target: 'score' })).toEqualTypeOf<
      Dataset<string, number>
    >()
    expect(dataset.version).toBeUndefined()
  })

  it('functions get the sample, and give their own type', () => {
    const dataset = new Dataset({
      source,
      schema: Email,
      input: (s) => ({ words: s.text.split(' ') }),
      target: (s) => s.score ?? 0,
    })
    expectTypeOf(dataset).toEqualTypeOf<Dataset<{ words: string[] }, number>>()
  })

  it('a projection object gives its type', () => {
    expectTypeOf(new Dataset({ source, schema: Email, input: length, target: 'label' })).toEqualTypeOf<
      Dataset<number, 'ham' | 'spam'>
    >()
  })

  it('fields of untyped samples are taken for text', () => {
    expectTypeOf(new Dataset({ source, input: 'text', target: 'label' })).toEqualTypeOf<Dataset<string, string>>()
    expectTypeOf(new Dataset({ source, schema: { type: 'object' }, input: 'text' })).toEqualTypeOf<
      Dataset<string, string>
    >()
    expectTypeOf(new Dataset({ source, input: (mail: Mail) => mail.text.length })).toEqualTypeOf<
      Dataset<number, string>
    >()
  })

  it('a field that the schema does not have is an error on its line', () => {
    const options = { source, schema: Email }
    // @ts-expect-error no such field
    new Dataset({ ...options, input: 'body' })
    // @ts-expect-error no such field
    new Dataset({ ...options, input: 'text', target: 'lable' })
    // @ts-expect-error no such field
    new Dataset({ ...options, input: 'text', group: 'thread' })
    // @ts-expect-error no such field
    new Dataset({ ...options, input: 'text', slices: ['source'] })
    // @ts-expect-error no such field
    new Dataset({ ...options, input: (s) => s.body })
    expect(options.source).toBe(source)
  })
})
