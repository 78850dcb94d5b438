import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { builtPackage } from '../built-package.js'
import { isWhole } from '../whole.js'

const execute = promisify(execFile)

interface Facts {
  readonly accuracyBefore: number
  readonly accuracyAfter: number
}

// Two trainings, and 9,000 requests: for CI.
const timeout = 600_000
it.runIf(isWhole)('examples/loop: a model that learned from feedback wins a live test', { timeout }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-loop-example-'))
  try {
    const program = join(await builtPackage(), 'examples/loop/main.js')
    const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder }
    const { stdout, stderr } = await execute(process.execPath, [program, '--json'], { env })
    const facts = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Facts
    expect(facts).toMatchObject({
      abTest: { result: 'success', production: '0.1.1', division: { isMismatch: false } },
      ledger: ['verdict', 'release', 'promotion', 'verdict', 'release', 'experiment', 'experiment', 'promotion'],
    })
    expect(facts.accuracyAfter).toBeGreaterThanOrEqual(facts.accuracyBefore)
    expect(stderr).toMatch(/[1-9]\d* evaluation.*[1-9]\d* source-limit/)
    expect(await readdir(folder)).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})
