import { describe, expect, it } from 'vitest'
import { githubRegistry } from '../../src/releaser/github/index.js'
import type { ContractTest } from '../../src/testing/contract-test.js'
import { type LoopbackGitHubOptions, startGitHub } from '../../src/testing/github/index.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'

const kinds: readonly (readonly [string, LoopbackGitHubOptions])[] = [
  ['github.com', {}],
  ['immutable releases', { immutable: true }],
  ['an Enterprise Server without digests and redirects', { enterprise: true, assetDigests: false, redirects: false }],
]

// `npm test` runs every other test of the contract. contract.test.ts and huggingface.test.ts run the rest.
let count = 0
const test: ContractTest = (name, body) => void (count++ % 2 === 0 ? it : itInFull)(name, body)

describe.each(sampleOf(kinds, 1))('githubRegistry on %s', (_, options) =>
  releaserContract(
    (name, body) =>
      options.immutable && name === 'a registry removes the files of a release and keeps all else'
        ? it(`${name}, but not of immutable ones`, () =>
            expect(body()).rejects.toMatchObject({ code: 'release-rejected' }))
        : test(name, body),
    async () => {
      const github = await startGitHub(options)
      github.repository('owner/name')
      const open = () =>
        githubRegistry({
          repository: 'owner/name',
          token: github.token,
          baseUrl: github.url,
          patience: { firstDelayMs: 1, longestDelayMs: 5 },
        })
      return { releaser: open(), reopen: open, dispose: github.close }
    },
  ),
)
