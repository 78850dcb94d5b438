import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { isWhole } from '../whole.js'
import type { PublicApi } from './public-api.js'

// To read all declarations takes 6 s of CPU: a check of texts, which runs in CI as `npm run types` does.
describe.runIf(isWhole)('the public API', () => {
  let api: PublicApi
  let formatPublicApi: (api: PublicApi) => string
  beforeAll(async () => {
    // With the compiler, which a quick run does not need.
    const read = await import('./public-api.js')
    formatPublicApi = read.formatPublicApi
    api = read.readPublicApi()
  })

  it('is listed in docs/api.txt', () => {
    const listed = readFileSync(join(import.meta.dirname, '../../docs/api.txt'), 'utf8')
    expect(listed === formatPublicApi(api), 'docs/api.txt is out of date. Run: npm run api').toBe(true)
  })

  it('exports every type that a public declaration mentions', () => {
    expect(api.unnamed, 'export each from the entry that mentions it').toEqual([])
  })

  it('states the types of its exports', () => {
    expect(api.inferred, 'annotate each').toEqual([])
  })

  it('gives a name one meaning', () => {
    expect(api.ambiguous).toEqual([])
  })
})
