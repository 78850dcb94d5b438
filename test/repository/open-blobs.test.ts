import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { openGit } from '../../src/repository/git/index.js'

const base = mkdtempSync(join(tmpdir(), 'sheikh-blobs-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

it('a git that ends between two blobs is an error of the next one', async () => {
  const root = join(base, 'project')
  execFileSync('git', ['init', '--quiet', root])
  const input = 'content'
  const oid = execFileSync('git', ['-C', root, 'hash-object', '-w', '--stdin'], { input, encoding: 'utf8' }).trim()
  // Ends after the first answer, as one that the system killed while nobody asked.
  const program = join(base, 'git.sh')
  const script = '#!/bin/sh\ncase " $* " in *\' cat-file \'*) head -n 1 | git "$@";; *) git "$@";; esac\n'
  writeFileSync(program, script, { mode: 0o755 })
  const git = await openGit(root, callContext(), { program })
  await using blobs = git.openBlobs(callContext())
  let text = ''
  const read = () =>
    blobs.read(oid, (piece) => {
      text += Buffer.from(piece)
    })
  await read()
  expect(text).toBe(input)
  await setTimeout(300)
  await expect(read()).rejects.toMatchObject({ code: 'repository-invalid' })
  await expect(read()).rejects.toMatchObject({ code: 'repository-invalid' })
})
