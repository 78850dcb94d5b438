import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSheikhError } from '../../../src/core/index.js'
import { feastViews } from '../../../src/dataset/features/feast-views.js'
import { ProtobufMessage } from '../../../src/dataset/features/read-protobuf.js'
import type { FeastFeatureView } from '../../../src/dataset/index.js'
import { folderWith } from '../temporary.js'

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
const bytes = (number: number, content: string | Buffer) => {
  const body = Buffer.from(content as string)
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(body.length)]), body])
}
const integer = (number: number, value: number) => Buffer.from([...varint(number * 8), ...varint(value)])
const message = (...fields: readonly Buffer[]) => Buffer.concat(fields)

interface Written {
  readonly uri?: string
  readonly format?: Buffer
  readonly type?: number
  readonly keys?: readonly string[]
  readonly ttl?: Buffer
  readonly mapped?: boolean
  readonly pushed?: boolean
}

/** A registry as feast.core.Registry, with one view of the project "shop" and one of another project. */
function registry({
  uri = 'data/stats.parquet',
  format,
  type = 1,
  keys = ['driver_id'],
  ttl,
  mapped,
  pushed,
}: Written = {}) {
  const file = message(...(format === undefined ? [] : [bytes(1, format)]), bytes(2, uri))
  const mapping = mapped ? [bytes(2, message(bytes(1, 'col_rate'), bytes(2, 'rate')))] : []
  const source = message(
    integer(1, type),
    ...mapping,
    bytes(3, 'event_timestamp'),
    bytes(5, 'created'),
    bytes(11, file),
  )
  const viewOf = (project: string) =>
    message(
      ...[bytes(1, 'stats'), bytes(2, project), bytes(3, 'driver')],
      ...(ttl === undefined ? [] : [bytes(6, ttl)]),
      bytes(7, pushed ? message(integer(1, 9), bytes(26, source)) : source),
      ...keys.map((key) => bytes(12, bytes(1, key))),
    )
  return message(bytes(6, bytes(1, viewOf('other'))), bytes(6, bytes(1, viewOf('shop'))), bytes(3, '1'))
}

interface Projection {
  readonly view?: string
  readonly columns?: readonly string[]
  readonly alias?: string
  /** New names of join keys. */
  readonly joinKeys?: Readonly<Record<string, string>>
}

/** The same registry with a feature service of the project "shop", and one of another project. */
function registryWithService(projections: readonly Projection[], written: Written = {}) {
  const projectionOf = ({ view = 'stats', columns = ['rate'], alias, joinKeys = {} }: Projection) =>
    message(
      ...[bytes(1, view), ...columns.map((column) => bytes(2, bytes(1, column)))],
      ...(alias === undefined ? [] : [bytes(3, alias)]),
      ...Object.entries(joinKeys).map(([key, name]) => bytes(4, message(bytes(1, key), bytes(2, name)))),
    )
  const serviceOf = (project: string) =>
    bytes(
      7,
      bytes(1, message(bytes(1, 'model'), bytes(2, project), ...projections.map((one) => bytes(3, projectionOf(one))))),
    )
  return message(registry(written), serviceOf('other'), serviceOf('shop'))
}

const store = 'project: shop\nregistry: data/registry.db\nprovider: local\n'
const repository = (written: Written | Buffer, yaml = store) =>
  folderWith({ 'feature_store.yaml': yaml, 'data/registry.db': Buffer.isBuffer(written) ? written : registry(written) })
const asked = { name: 'stats', features: { conversion: 'rate' } }

const feastView = async (view: FeastFeatureView) => (await feastViews(view))[0]!

describe('a feature view of Feast', () => {
  it('says where its rows are and how they are joined', async () => {
    const feast = await repository({ ttl: message(integer(1, 86_400), integer(2, 500_000_000)) })
    expect(await feastView({ ...asked, feast })).toEqual({
      ...{ name: 'stats', files: [join(feast, 'data/stats.parquet')], timeZone: 'UTC', ttlMs: 86_400_500 },
      ...{ entities: { driver_id: 'driver_id' }, timestamp: 'event_timestamp', created: 'created' },
      features: { conversion: 'rate' },
    })
  })

  it('may rename columns, have other fields, no ttl, no entity or a push source, and files elsewhere', async () => {
    const one = await feastView({
      ...asked,
      feast: await repository({ mapped: true }),
      entities: { driver: 'driver_id' },
    })
    expect(one).toMatchObject({ features: { conversion: 'col_rate' }, entities: { driver: 'driver_id' } })
    expect(one).not.toHaveProperty('ttlMs')
    const none = await feastView({
      ...asked,
      feast: await repository({ keys: ['__dummy_id'], pushed: true, uri: '/x/y.parquet' }),
    })
    expect(none).toMatchObject({ entities: {}, files: ['/x/y.parquet'], timestamp: 'event_timestamp' })
    const url = await feastView({ ...asked, feast: await repository({ uri: 'file:///x/y%20z.parquet' }) })
    expect(url.files).toEqual(['/x/y z.parquet'])
    const nested = 'project: shop\nregistry: { registry_type: file, path: data/registry.db }\n'
    expect((await feastView({ ...asked, feast: await repository({}, nested) })).name).toBe('stats')
  })

  it.each<[string, Written | Buffer, string, Partial<Parameters<typeof feastView>[0]>, string]>([
    ['an unknown name', {}, store, { name: 'other' }, 'the project "shop" has "stats"'],
    ['a project without views', {}, store.replace('shop', 'empty'), {}, 'has no feature views'],
    ['rows in BigQuery', { type: 2 }, store, {}, 'its rows are not in Parquet files'],
    ['a Delta table', { format: bytes(3, '') }, store, {}, 'its rows are not in Parquet files'],
    ['rows in S3', { uri: 's3://bucket/stats.parquet' }, store, {}, 'not on this machine'],
    [
      'join keys that are not named',
      { keys: ['a', 'b'] },
      store,
      { entities: { a: 'a' } },
      'its join keys are ["a","b"]',
    ],
    ['names of other join keys', {}, store, { entities: { driver: 'driver' } }, 'its join keys are ["driver_id"]'],
    [
      'a registry in SQL',
      {},
      'project: shop\nregistry: { registry_type: sql, path: x }\n',
      {},
      'its registry is not a file',
    ],
    ['a registry in S3', {}, 'project: shop\nregistry: s3://bucket/registry.db\n', {}, 'its registry is not a file'],
    ['no registry', {}, 'project: shop\nregistry: none.db\n', {}, 'its registry does not exist'],
    ['no project', {}, 'registry: data/registry.db\n', {}, 'names no project'],
    ['broken YAML', {}, 'project: [\n', {}, 'feature_store.yaml is not YAML'],
    ['a damaged registry', registry().subarray(0, 40), store, {}, 'is damaged (a field is cut off)'],
  ])('is refused with %s', async (_, written, yaml, more, fact) => {
    const error = await feastView({ ...asked, feast: await repository(written, yaml), ...more }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'dataset-invalid', message: expect.stringContaining(fact) })
  })

  it('of a registry with any byte replaced is read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(255), async (place, byte) => {
        const damaged = Buffer.from(registry({ ttl: integer(1, 5) }))
        damaged[place % damaged.length] = byte
        const feast = await folderWith({ 'feature_store.yaml': store, 'data/registry.db': damaged })
        const found = await feastView({ ...asked, feast }).catch((error: unknown) => error)
        if (found instanceof Error && !isSheikhError(found, 'dataset-invalid')) throw found
      }),
      { numRuns: 60 },
    )
  })
})

describe('a feature service of Feast', () => {
  const viewsOf = async (written: Buffer, entities?: Readonly<Record<string, string>>, service = 'model') =>
    feastViews({ service, feast: await repository(written), entities })

  it('is the features of its views, by their names in Feast', async () => {
    const written = registryWithService([{ columns: ['rate', 'trips'] }], { mapped: true })
    expect(await viewsOf(written)).toMatchObject([
      { name: 'stats', entities: { driver_id: 'driver_id' }, features: { rate: 'col_rate', trips: 'trips' } },
    ])
    expect(await viewsOf(written, { driver: 'driver_id' })).toMatchObject([{ entities: { driver: 'driver_id' } }])
  })

  it('may have a view twice, joined by other names of its keys', async () => {
    const written = registryWithService([
      { columns: ['rate'], alias: 'from', joinKeys: { driver_id: 'first_id' } },
      { columns: ['trips'], alias: 'to', joinKeys: { driver_id: 'second_id' } },
    ])
    expect(await viewsOf(written)).toMatchObject([
      { name: 'from', entities: { first_id: 'driver_id' }, features: { rate: 'rate' } },
      { name: 'to', entities: { second_id: 'driver_id' }, features: { trips: 'trips' } },
    ])
    expect(await viewsOf(written, { a: 'first_id', b: 'second_id' })).toMatchObject([
      { entities: { a: 'driver_id' } },
      { entities: { b: 'driver_id' } },
    ])
  })

  it.each<[string, Buffer, Readonly<Record<string, string>> | undefined, string, string]>([
    ['an unknown name', registryWithService([{}]), undefined, 'other', 'the project "shop" has "model"'],
    ['no services', registry(), undefined, 'model', 'has no feature services'],
    [
      'a view of another kind',
      registryWithService([{ view: 'on_demand' }]),
      undefined,
      'model',
      'which the service uses',
    ],
    ['a join key without a field', registryWithService([{}]), { a: 'other' }, 'model', 'has the join key "driver_id"'],
    [
      'a field for no join key',
      registryWithService([{}]),
      { a: 'driver_id', b: 'other' },
      'model',
      'the join key "other"',
    ],
  ])('is refused with %s', async (_, written, entities, service, fact) => {
    await expect(viewsOf(written, entities, service)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining(fact),
      facts: { service },
    })
  })

  it('of a registry with any byte replaced is read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(255), async (place, byte) => {
        const damaged = Buffer.from(registryWithService([{ joinKeys: { driver_id: 'd' } }]))
        damaged[place % damaged.length] = byte
        const found = await viewsOf(damaged).catch((error: unknown) => error)
        if (found instanceof Error && !isSheikhError(found, 'dataset-invalid')) throw found
      }),
      { numRuns: 60 },
    )
  })
})

it('a protobuf message with fields of every kind is read', () => {
  const all = message(
    integer(1, 300),
    Buffer.from([0x11, 1, 2, 3, 4, 5, 6, 7, 8]),
    Buffer.from([0x1d, 1, 2, 3, 4]),
    bytes(4, 'é'),
  )
  const read = new ProtobufMessage(all)
  expect([read.integer(1), read.text(4), read.text(9), read.hasOnly([1, 4]), read.hasOnly([1])]).toEqual([
    300n,
    'é',
    '',
    true,
    false,
  ])
  for (const broken of [[0x08, 0x80], [0x0b], [0x22, 5, 1], [0x11, 1], Array.from({ length: 12 }, () => 0xff)])
    expect(() => new ProtobufMessage(Buffer.from(broken))).toThrow(RangeError)
})
