import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRepo, downloadFile, uploadFile } from '@huggingface/hub'
import { expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from '../repository/git-http-backend.js'
import { ask, bytesLike, common, hubFolder, hubForTest, repo, token } from './hub-fixture.js'
import { addressOf, gitIn } from './hub-git-fixture.js'

async function hubAndGit() {
  const tokens = [
    { token, role: 'write' },
    { token: 'hf_read', role: 'read' },
  ] as const
  const hub = await hubForTest({ tokens })
  await createRepo({ ...common(hub), visibility: 'private' })
  const folder = hubFolder()
  const git = gitIn(folder)
  await git('clone', '--quiet', addressOf(hub, token), 'copy')
  const commit = async (name: string, text: string) => {
    writeFileSync(join(folder, 'copy', name), text)
    await git('-C', 'copy', 'add', '.')
    await git('-C', 'copy', 'commit', '--quiet', '--message', name)
  }
  return { hub, folder, git, commit }
}

itInFull('Git reads what was uploaded, and its pushes are read', async ({ skip }) => {
  if (gitIsMissing !== undefined) return skip(gitIsMissing)
  const { hub, folder, git, commit } = await hubAndGit()
  const uploaded = await uploadFile({ ...common(hub), file: { path: 'a.txt', content: new Blob(['one']) } })
  await git('-C', 'copy', 'pull', '--quiet')
  expect(readFileSync(join(folder, 'copy/a.txt'), 'utf8')).toBe('one')
  expect(await git('-C', 'copy', 'rev-parse', 'HEAD')).toBe(uploaded!.commit.oid)
  // More than Git sends in one piece.
  await commit('b.txt', bytesLike(7, 1_500_000).toString('base64'))
  await git('-C', 'copy', 'tag', 'v1')
  await git('-C', 'copy', 'push', '--quiet', 'origin', 'main', 'v1')
  const found = await downloadFile({ ...common(hub), path: 'b.txt', revision: 'v1' })
  expect(await found!.text()).toBe(readFileSync(join(folder, 'copy/b.txt'), 'utf8'))
  await uploadFile({ ...common(hub), file: { path: 'a.txt', content: new Blob(['two']) } })
  await commit('c.txt', 'too late')
  // More than Git says without compressing it.
  for (let at = 0; at < 40; at++) await git('-C', 'copy', 'commit', '--quiet', '--allow-empty', '--message', `${at}`)
  await expect(git('-C', 'copy', 'push', '--quiet', 'origin', 'main')).rejects.toThrow('rejected')
  await git('-C', 'copy', 'pull', '--quiet', '--rebase')
  await git('-C', 'copy', 'push', '--quiet', 'origin', 'main')
  expect(await (await downloadFile({ ...common(hub), path: 'c.txt' }))!.text()).toBe('too late')
})

it('Git needs the same tokens, and follows a name that changed', async ({ skip }) => {
  if (gitIsMissing !== undefined) return skip(gitIsMissing)
  const { hub, git, commit } = await hubAndGit()
  await expect(git('ls-remote', `${hub.url}/${repo}`)).rejects.toThrow(/could not read Username/)
  await expect(git('ls-remote', addressOf(hub, 'hf_wrong'))).rejects.toThrow(/Authentication failed/)
  expect(await git('ls-remote', '--heads', addressOf(hub, 'hf_read'))).toContain('refs/heads/main')
  await commit('a.txt', 'one')
  await expect(git('-C', 'copy', 'push', addressOf(hub, 'hf_read'), 'main')).rejects.toThrow(/403/)
  await ask(hub, 'POST', '/api/repos/move', { fromRepo: repo, toRepo: 'ns/new', type: 'model' })
  await git('-C', 'copy', 'push', '--quiet', 'origin', 'main')
  const found = await downloadFile({ ...common(hub), repo: 'ns/new', path: 'a.txt' })
  expect(await found!.text()).toBe('one')
})
