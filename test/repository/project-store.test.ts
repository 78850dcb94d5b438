// A bucket as the store of a project: test/interop/s3-moto.interop.ts.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ledgerOptions } from '../../src/repository/compose.js'
import type { Configuration } from '../../src/repository/config/configuration.js'
import { projectStore } from '../../src/repository/project-store.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { temporaryFolder } from './harness.js'

const named = async (SHEIKH_STORE: string, more: Readonly<Record<string, string>> = {}) =>
  (await projectStore({ shared: temporaryFolder(), environment: { SHEIKH_STORE, ...more } })).name

it('the store of a project is a folder, or the bucket that SHEIKH_STORE names', async () => {
  expect(await named('')).toBe('directory')
  expect(await named('s3://team/store')).toBe('s3')
})

it.each(['/mnt/store', 'https://team.example/store', 'S3://team/store', 's3://', 's3:///store', ' s3://team/store'])(
  'refuses %j, and says what to write',
  async (address) => {
    await expect(named(address)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('s3://'),
    })
  },
)

it('refuses an endpoint that is no address', async () => {
  await expect(named('s3://team/store', { AWS_ENDPOINT_URL: 'here' })).rejects.toMatchObject({
    code: 'invalid-options',
    message: expect.stringContaining('AWS_ENDPOINT_URL'),
  })
})

it('a project that gets a bucket finds the entries of its ledger from before in its folder', async () => {
  // An empty bucket.
  const server = createServer((_, response) => {
    response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const [shared, configuration] = [temporaryFolder(), { ledger: {} } as Configuration]
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' }
  const environment = { SHEIKH_STORE: 's3://team/store', AWS_ENDPOINT_URL: endpoint, ...credentials }
  const { earlier } = ledgerOptions({ shared, environment }, configuration)
  expect(await earlier!()).toEqual([])
  await directoryStore(join(shared, '.sheikh')).journals.append('ledger', 'an entry', 0)
  expect(await earlier!()).toEqual(['an entry'])
})
