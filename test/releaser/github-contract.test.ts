import { describe, expect, it } from 'vitest'
import { githubRegistry } from '../../src/releaser/github/index.js'
import { type LoopbackGitHubOptions, startGitHub } from '../../src/testing/github/index.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'
import { sampleOf } from '../whole.js'

const kinds: readonly (readonly [string, LoopbackGitHubOptions])[] = [
  ['github.com', {}],
  ['immutable releases', { immutable: true }],
  ['an Enterprise Server without digests and redirects', { enterprise: true, assetDigests: false, redirects: false }],
]

describe.each(sampleOf(kinds, 1))('githubRegistry on %s', (_, options) =>
  releaserContract(
    (name, body) =>
      options.immutable && name === 'a registry removes the files of a release and keeps all else'
        ? it(`${name}, but not of immutable ones`, () =>
            expect(body()).rejects.toMatchObject({ code: 'release-rejected' }))
        : it(name, body),
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
