import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRepo, downloadFile, uploadFiles } from '@huggingface/hub'
import { describe, expect, it } from 'vitest'
import { bytesLike, common, hubFolder, hubForTest, repo, token } from '../testing/hub-fixture.js'
import { addressOf, gitIn } from '../testing/hub-git-fixture.js'
import { callPython, digestsOf, readFolder, sha256 } from './hub-python.js'

const isMissing = spawnSync('git', ['lfs', 'version']).status !== 0
if (isMissing) console.log('Skipped: git-lfs is not installed')

const weights = bytesLike(1, 6_000_000)
const more = bytesLike(2, 7_000_000)

describe.skipIf(isMissing).each(['basic', 'multipart', 'xet'] as const)('git-lfs, beside %s', (transfer) => {
  it('reads what was uploaded, and what it pushes is read', async () => {
    const tokens = [
      { token, role: 'write' },
      { token: 'hf_read', role: 'read' },
    ] as const
    const hub = await hubForTest({ transfer, tokens })
    await createRepo({ ...common(hub), visibility: 'private' })
    const files = [
      { path: 'a folder/model.safetensors', content: new Blob([weights]) },
      { path: 'README.md', content: new Blob(['# Hallo']) },
    ]
    await uploadFiles({ ...common(hub), files })

    const folder = hubFolder()
    const git = gitIn(folder)
    await git('lfs', 'install', '--skip-repo')
    await git('clone', '--quiet', addressOf(hub, token), 'copy')
    const copy = join(folder, 'copy')
    expect(sha256(readFileSync(join(copy, 'a folder/model.safetensors')))).toBe(sha256(weights))

    writeFileSync(join(copy, 'more.bin'), more)
    writeFileSync(join(copy, 'again.bin'), weights)
    await git('-C', 'copy', 'add', '.')
    await git('-C', 'copy', 'commit', '--quiet', '--message', 'more')
    await expect(git('-C', 'copy', 'push', addressOf(hub, 'hf_read'), 'main')).rejects.toThrow(
      /403|Forbidden|write token/,
    )
    await git('-C', 'copy', 'push', '--quiet', 'origin', 'main')
    const sent = hub.requests.filter(({ host, method }) => host === 'storage' && method === 'PUT')
    expect(sent.filter(({ path }) => path.includes(sha256(more))).length).toBe(1)
    const isThere = hub.requests.filter(({ path }) => path.includes(`${sha256(more)}/verify`))
    expect(isThere.length).toBe(1)

    const found = await downloadFile({ ...common(hub), path: 'more.bin' })
    expect(sha256(new Uint8Array(await found!.arrayBuffer()))).toBe(sha256(more))
    const python = hubFolder()
    await callPython(hub, [['snapshot_download', { repo_id: repo, local_dir: python }]], { transfer })
    expect(digestsOf(readFolder(python))).toEqual(digestsOf(readFolder(copy)))
    expect(Object.keys(readFolder(python)).length).toBe(4)
    await git('-C', 'copy', 'lfs', 'fsck')
    await git('-C', 'copy', 'fsck', '--strict')
  })
})
