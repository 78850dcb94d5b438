import { describe, expect, it } from 'vitest'
import { ledgerOptions } from '../../src/repository/compose.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { temporaryFolder, write } from './harness.js'
import { context } from './ledger-clone.js'

async function askedBy(url: string, environment: Readonly<Record<string, string>>) {
  const root = temporaryFolder()
  const surroundings = { root, shared: root, project: '', environment, originUrl: async () => undefined }
  return ledgerOptions(surroundings, await loadConfiguration(root, context)).onAuth!(url)
}
const token = (password: string) => ({ username: 'x-access-token', password })

describe('a token of the environment', () => {
  it.each([
    'https://git.example/x.git',
    'http://127.0.0.1:8080/x.git',
    'http://localhost/x.git',
    'http://[::1]:1/x.git',
  ])('goes to %s', async (url) => {
    expect(await askedBy(url, { SHEIKH_GIT_TOKEN: 'ours', GITHUB_TOKEN: 'theirs' })).toEqual(token('ours'))
  })

  it.each(['http://git.example/x.git', 'http://127.0.0.1.git.example/x.git', 'http://localhost@git.example/x.git'])(
    'never goes to %s',
    async (url) => {
      expect(await askedBy(url, { SHEIKH_GIT_TOKEN: 'ours' })).toBe(undefined)
    },
  )

  it("of GitHub's goes to GitHub alone, wherever that is", async () => {
    const github = { GITHUB_TOKEN: 'theirs' }
    expect(await askedBy('https://github.com/a/b.git', github)).toEqual(token('theirs'))
    expect(await askedBy('https://github.com.git.example/a/b.git', github)).toBe(undefined)
    const enterprise = { ...github, GITHUB_SERVER_URL: 'https://git.example' }
    expect(await askedBy('https://git.example/a/b.git', enterprise)).toEqual(token('theirs'))
    expect(await askedBy('https://github.com/a/b.git', enterprise)).toBe(undefined)
    // A secret that is not there is empty in a workflow.
    expect(await askedBy('https://github.com/a/b.git', { ...github, SHEIKH_GIT_TOKEN: '' })).toEqual(token('theirs'))
  })
})

describe('ledger: in mlops/pipeline.yaml', () => {
  const read = (yaml: string) => {
    const root = temporaryFolder()
    write(root, 'mlops/pipeline.yaml', yaml)
    return loadConfiguration(root, context)
  }

  it('is honoured', async () => {
    const { ledger, notices } = await read('ledger: { remote: false, branch: team/ledger }\n')
    expect([ledger, notices]).toEqual([{ remote: false, branch: 'team/ledger' }, []])
    expect((await read('pipeline: { name: x }\n')).ledger).toBe(undefined)
    await expect(read('ledger: { prefix: x }\n')).rejects.toMatchObject({ code: 'invalid-config' })
    await expect(read('ledger:\n')).rejects.toMatchObject({ code: 'invalid-config' })
  })

  it.each([
    '--all',
    'a..b',
    'a/',
    '/a',
    'a.lock',
    'a.lock/b',
    'a b',
    '',
    'a:b',
    'a~1',
    'https://x.example/y',
    'a//b',
    '.a',
  ])('takes %j for no name', async (name) => {
    for (const key of ['remote', 'branch'])
      await expect(read(`ledger: { ${key}: ${JSON.stringify(name)} }\n`)).rejects.toMatchObject({
        code: 'invalid-config',
      })
  })
})
