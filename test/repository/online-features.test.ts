import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FeatureJoin, LargeFiles } from '../../src/dataset/index.js'
import { featuresOf, featuresType } from '../../src/repository/config/feature-keys.js'
import { onlineFeatures } from '../../src/repository/online-features.js'
import { type Asked, feastServer } from '../serve/loopback-feast.js'
import { write } from './harness.js'
import { oidOf, pointerTo } from './lfs-server.js'

/** A folder with a snapshot of two features of drivers. */
async function project(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'sheikh-online-'))
  const header = {
    ...{ formatVersion: 1, settings: `sha256:${'0'.repeat(64)}`, timestamp: 't', timestampUnit: null, timeZone: null },
    ...{ entities: ['driver'], features: ['rate', 'trips'].map((name) => ({ name, type: 'number' })) },
  }
  write(root, 'dataset/features.jsonl', `${JSON.stringify(header)}\n`)
  return root
}

const service = { service: 'model', feast: '../store', entities: { driver: 'driver_id' } }

describe('online features of a project', () => {
  it('are those of a feature service, by their names in Feast', async () => {
    const bare = { metadata: { feature_names: ['driver_id', 'trips', 'rate'] } }
    const { asked, url } = await feastServer(({ entities }: Asked) => ({
      ...bare,
      results: bare.metadata.feature_names.map((_, at) => ({
        values: entities['driver_id']!.map(() => at),
        statuses: entities['driver_id']!.map(() => 'PRESENT'),
      })),
    }))
    const prepare = await onlineFeatures(
      { url },
      { root: await project(), features: { timestamp: 't', views: [service] } },
    )
    expect(await prepare(async (values) => values)([{ driver: 5 }])).toEqual([{ driver: 5, trips: 1, rate: 2 }])
    const body = { feature_service: 'model', entities: { driver_id: [5] }, full_feature_names: false }
    expect(asked).toEqual([{ url: '/get-online-features', authorization: undefined, body }])
  })

  it('are found by a snapshot in Git LFS', async () => {
    const root = await project()
    const snapshot = join(root, 'dataset/features.jsonl')
    const stored = join(root, 'stored.jsonl')
    renameSync(snapshot, stored)
    const content = readFileSync(stored)
    writeFileSync(snapshot, pointerTo(content))
    const features = { timestamp: 't', views: [service] }
    const given = { url: 'http://127.0.0.1:9' }
    await expect(onlineFeatures(given, { root, features })).rejects.toThrow(/Git LFS pointer/)
    const asked: object[] = []
    const largeFiles: LargeFiles = async (file) => {
      asked.push(file)
      return stored
    }
    expect(await onlineFeatures(given, { root, features, largeFiles })).toBeTypeOf('function')
    expect(asked).toMatchObject([{ oid: oidOf(content), sizeBytes: content.length }])
  })

  it('are refused if a service is not alone', async () => {
    const view = { name: 'other', feast: '../store', features: { trips: 'trips' } }
    const features: FeatureJoin = { timestamp: 't', views: [service, view] }
    const asking = onlineFeatures({ url: 'http://127.0.0.1:9' }, { root: await project(), features })
    await expect(asking).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('"model" is one of 2 views and services'),
    })
  })
})

describe('features in dataset/config.yaml', () => {
  const parsed = (...views: readonly object[]) => featuresType.safeParse({ timestamp: 't', views })

  it('may name a feature service', () => {
    const given = { service: 'model', feast: '../store', entities: ['driver_id'] }
    expect(featuresOf(parsed(given).data)).toEqual({
      timestamp: 't',
      views: [{ service: 'model', feast: '../store', entities: { driver_id: 'driver_id' } }],
    })
  })

  it.each<[string, object, string]>([
    ['a service without Feast', { service: 'model' }, 'the service "model" needs "feast"'],
    ['a service with features', { service: 'model', feast: 'x', features: ['a'] }, 'which the service decides'],
    ['a service with files', { service: 'model', feast: 'x', files: 'y' }, 'has both "feast" and "files"'],
    ['a view without a name', { feast: 'x', features: ['a'] }, 'needs "name", or "service"'],
    ['a view without features', { name: 'v', feast: 'x' }, 'the view "v" needs "features"'],
  ])('may not be %s', (_, view, fact) => {
    expect(
      parsed(view)
        .error?.issues.map(({ message }) => message)
        .join(),
    ).toContain(fact)
  })
})
