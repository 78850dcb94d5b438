import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { keyDescriptions } from '../../src/repository/config/key-descriptions.js'
import {
  datasetKeys,
  type Keys,
  pipelineKeys,
  trainingKeys,
  tuningKeys,
  validationKeys,
} from '../../src/repository/config/keys.js'
import { readYaml } from '../../src/repository/config/read-yaml.js'
import { type ConfigurationFile, configurationSchemas } from '../../src/repository/index.js'
import { isWhole, rounds } from '../whole.js'
import { temporaryFolder, write } from './harness.js'

const schemas = configurationSchemas()
const keysOf: Readonly<Record<ConfigurationFile, Keys>> = {
  pipeline: pipelineKeys,
  training: trainingKeys,
  validation: validationKeys,
  dataset: datasetKeys,
  tuning: tuningKeys,
}
const names = Object.keys(schemas) as ConfigurationFile[]

const view = { name: 'v', files: 'a.parquet', timestamp: 't', features: ['x'] }
// No value that only a rule of ours refuses, such as a path that begins with "~".
const values: readonly unknown[] = [
  ...[
    true,
    false,
    null,
    0,
    1,
    -1,
    0.5,
    3,
    2.5,
    1e12,
    '',
    'a',
    'ask',
    'rollback',
    'warn',
    'latin1',
    'data/**/*.csv',
    'none',
    'v{version}',
    'main',
    '1.0.0',
    'https://s3.example.com',
  ],
  ...['model', 'private', 'semver', 'linear', 'wasm', 'F16', `sha256:${'0'.repeat(64)}`],
  ...[
    'full_train',
    '0 3 * * 1',
    [],
    ['a'],
    ['a', 1],
    ['update_base_model'],
    ['validate_schema'],
    ['held'],
    {},
    { margin: 0.02 },
    { margin: 2 },
    { action: 'warn', similarity: 0.9 },
    { allowed: 1 },
    { a: 1 },
  ],
  ...[
    { maximum_ms: 5 },
    { maximum_bytes: 5 },
    { maximum_error: 0.1 },
    { maximum_ms: 5, quantile: 0.9 },
    { quantile: 0.9 },
    { rank: 4 },
    { kind: 'text', top_k: 3 },
  ],
  ...[
    { kind: 'choice', choices: ['a', 'b'] },
    { kind: 'choice', choices: ['a'] },
    { feedback: 'feedback', window: '7d', minimum_effect: 0.1 },
    { feedback: 'feedback', window: '7 days' },
  ],
  ...[
    { timestamp: 'at', views: [view] },
    { timestamp: 'at', time_zone: 'UTC', views: [{ ...view, ttl: '7d', entities: { a: 'b' } }] },
    { timestamp: 'at', views: [{ ...view, ttl: '7 days' }] },
  ],
  ...[[1], [0.5], [true], ['linear'], { low: 1, high: 3 }, { low: 0.1, high: 0.5, log: true }, { low: 3, high: 1 }],
  ...[
    { members: { a: {}, b: {} } },
    { combine: 'vote', shares: { a: 2 }, members: { a: {}, b: { num_train_epochs: 3 } } },
    { members: { a: { release: { version: '1.0.0', digest: `sha256:${'0'.repeat(64)}` } }, b: {} } },
    { members: { a: { seed: 1 }, b: {} } },
  ],
  ...[{ min: 1, max: 9 }, { min: 1 }, 'accuracy', 'log-loss', 'f1(a)', 'tpe'],
]
const leaf = fc.constantFrom(...values)

/** Files with known keys, most with values that are meant for them, some with other values or an unknown key. */
function fileOf(keys: Keys): fc.Arbitrary<unknown> {
  switch (keys.kind) {
    case 'free':
      return leaf
    case 'value': {
      const meant = values.filter((value) => keys.type.safeParse(value).success)
      expect(meant).not.toEqual([])
      return fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...meant) }, leaf)
    }
    case 'list':
      return fc.oneof({ weight: 8, arbitrary: fc.array(fileOf(keys.each), { maxLength: 2 }) }, leaf)
    case 'map':
      return fc.oneof(
        { weight: 8, arbitrary: fc.dictionary(fc.constantFrom('a', 'b'), fileOf(keys.each), { maxKeys: 2 }) },
        leaf,
      )
    case 'group': {
      const members = Object.fromEntries(Object.entries(keys.keys).map(([name, member]) => [name, fileOf(member)]))
      const known = fc.record(members, { requiredKeys: [] })
      const typing = fc
        .tuple(known, leaf)
        .map(([values, value]) => ({ ...values, [`${Object.keys(keys.keys)[0]}x`]: value }))
      return fc.oneof({ weight: 16, arbitrary: known }, typing, leaf)
    }
  }
}

// Rules that JSON Schema cannot state.
const beyondSchema =
  /given twice|not a version|has no scheme|expected \$\{\{ secrets|does not begin with a folder|contains no samples|no folder in common|also contains other files|relative to the project, with|leads out of its folder|begins with a dot|characters together|low end|is less than|an ensemble |no mean/

describe('configurationSchemas', () => {
  for (const name of names)
    it(`accepts a ${name} file exactly if validate reports no error and no unknown key`, async () => {
      const accepts = new Ajv({ strict: true, allowUnionTypes: true }).compile(schemas[name])
      const root = temporaryFolder()
      let accepted = 0
      await fc.assert(
        fc.asyncProperty(fileOf(keysOf[name]), async (value) => {
          fc.pre(typeof value === 'object' && value !== null && !Array.isArray(value))
          write(root, 'file.yaml', stringify(value, { aliasDuplicateObjects: false }))
          const { problems, notices } = await readYaml(root, 'file.yaml', keysOf[name])
          const reported = [...problems, ...notices.filter(({ kind }) => kind === 'unknown')]
          fc.pre(!problems.some(({ message }) => beyondSchema.test(message)))
          expect(accepts(value), JSON.stringify(reported)).toBe(reported.length === 0)
          if (reported.length === 0) accepted += 1
        }),
        { numRuns: rounds(500) },
      )
      // A sample may contain no file that is accepted.
      if (isWhole) expect(accepted).toBeGreaterThan(20)
    })

  it('describes the keys that the documentation says have an effect', async () => {
    const docs = join(import.meta.dirname, '../../docs')
    const page = await readFile(join(docs, 'configuration.md'), 'utf8')
    const others = ['gate.md', 'tuning.md'].map((name) => readFile(join(docs, name), 'utf8'))
    const text = [page, ...(await Promise.all(others))].join('\n')
    const described = Object.keys(keyDescriptions)
    const documented = [...page.matchAll(/^\| `([a-z_.]+)(?:\{([a-z_,]+)\})?`/gm)].flatMap(([, path, members]) =>
      members === undefined ? [path!] : members.split(',').map((name) => `${path}${name}`),
    )
    expect(documented.length).toBeGreaterThan(40)
    for (const path of documented.filter((path) => path.includes('.'))) expect(described).toContain(path)
    const isNamed = (path: string) => new RegExp(`\\b${path.split('.').at(-1)}\\b`).test(text)
    expect(described.filter((path) => !isNamed(path))).toEqual([])
  })

  it('describes only keys that exist', () => {
    const paths = new Set(names.flatMap((name) => pathsOf(keysOf[name], '')))
    for (const path of Object.keys(keyDescriptions)) expect(paths).toContain(path)
  })
})

function pathsOf(keys: Keys, path: string): readonly string[] {
  if (keys.kind === 'list' || keys.kind === 'map') return [path, ...pathsOf(keys.each, path)]
  if (keys.kind !== 'group') return [path]
  const below = Object.entries(keys.keys).flatMap(([name, member]) =>
    pathsOf(member, path === '' ? name : `${path}.${name}`),
  )
  return [path, ...below]
}
