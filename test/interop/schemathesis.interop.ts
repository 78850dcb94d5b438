// Requests that schemathesis derives from /openapi.json, valid and invalid ones, and a server of ours.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { memoryFeedback } from '../../src/feedback/index.js'
import { serverOf } from '../serve/fixture.js'
import { python } from './python.js'

// A text that is too long may also make the body too large, which schemathesis does not take for a refusal.
const settings = `[checks]
negative_data_rejection.expected-statuses = [400, 401, 404, 405, 413, 415, 422]
`

const token = 'not-a-real-token'

describe('a server of ours', () => {
  it.each([1, 2, 3])('answers as its OpenAPI document says, with the seed %i', async (seed) => {
    const { url, said } = await serverOf({ token, feedback: { store: memoryFeedback() } })
    // schemathesis keeps its examples in the working directory.
    const folder = mkdtempSync(join(tmpdir(), 'sheikh-schemathesis-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'schemathesis.toml'), settings)
    const { stdout } = await promisify(execFile)(
      join(dirname(python), 'schemathesis'),
      [
        ...['run', `${url}/openapi.json`, '--header', `Authorization: Bearer ${token}`],
        ...['--checks', 'all', '--continue-on-failure', '--max-examples', '100', '--seed', String(seed)],
        // Feedback is about answers that schemathesis never asked for, so all of it is answered with 404.
        ...['--warnings', 'off'],
      ],
      { cwd: folder },
    ).catch((error: { readonly stdout: string }) => error)
    // Requests that failed may be long.
    const summary = stdout.split('\n').filter((line) => line.length < 200)
    expect(summary.slice(-60).join('\n')).toMatch(
      /Tested: 5\b[\s\S]* (\d{3,}) generated, \1 passed[\s\S]*No issues found/,
    )
    expect(said).toEqual([])
  })
})
