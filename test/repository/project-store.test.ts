// A bucket as the store of a project: test/interop/s3-moto.interop.ts.
import { expect, it } from 'vitest'
import { projectStore } from '../../src/repository/project-store.js'
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
