import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { builtPackage } from '../built-package.js'
import { isWhole } from '../whole.js'

const execute = promisify(execFile)

// Five trainings with all that surrounds them: for CI. With act: test/interop/workflows-example.interop.ts.
const timeout = 600_000
it.runIf(isWhole)('examples/github: a release, a held pull request, a restored release', { timeout }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-github-example-'))
  const [temporary, home] = [join(folder, 'temporary'), join(folder, 'home')]
  for (const path of [temporary, home]) await mkdir(path)
  try {
    const program = join(await builtPackage(), 'examples/github/main.js')
    const { stdout, stderr } = await execute(process.execPath, [program, '--json', '--no-act'], {
      // No author, no token, no proxy.
      env: { PATH: process.env['PATH'], HOME: home, TMPDIR: temporary },
    })
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toEqual({
      released: { hub: '0.1.1', github: 'v0.1.1' },
      held: { hub: '0.1.1', github: 'v0.1.1', failed: ['beats-majority(accuracy)', 'no-regression(accuracy)'] },
      commentFirstLine: expect.stringMatching(/^\*\*Fail\.\*\* Not safe to merge: /),
      check: 'failure',
      restored: { hub: '0.1.2', github: 'v0.1.2', from: '0.1.0', wasTrained: false },
      act: null,
    })
    expect(stderr).toContain('Push → released')
    expect(await readdir(temporary)).toEqual([])
    expect(await readdir(home)).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
