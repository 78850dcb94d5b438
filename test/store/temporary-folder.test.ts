import { existsSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../../src/store/index.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

it('a temporary folder is new, and has the prefix', async () => {
  const folder = await temporaryFolder('sheikh-test-')
  expect(basename(folder)).toMatch(/^sheikh-test-.+/)
  expect(existsSync(folder)).toBe(true)
  rmSync(folder, { recursive: true })
})

it.each(['/dev/null', '/no/such/folder'])(
  'a place for it that cannot be used (%s) is named, with TMPDIR',
  async (place) => {
    vi.stubEnv('TMPDIR', place)
    await expect(temporaryFolder('sheikh-test-')).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
      message: expect.stringMatching(
        new RegExp(`temporary folder in "${place}" \\(E[A-Z]+\\)\\. Set the variable TMPDIR`),
      ),
    })
  },
)
