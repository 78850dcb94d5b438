// The example, with its workflows executed by act: also a poisoned pull request, from its check to the gate.
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { builtPackage } from '../built-package.js'
import { actionsTool } from './actions-tools.js'

const execute = promisify(execFile)
const act = actionsTool('act')
if (act === undefined) process.stderr.write('skipped: act is not installed. Install it: npm run setup:interop\n')

it.skipIf(act === undefined)('examples/github, executed by act', async () => {
  const program = join(await builtPackage(), 'examples/github/main.js')
  const { stdout } = await execute(process.execPath, [program, '--json'], {
    env: { ...process.env, PATH: `${dirname(act!)}:${process.env['PATH']}` },
  })
  expect(JSON.parse(stdout)).toMatchObject({
    released: { hub: '0.1.1', github: 'v0.1.1' },
    held: { hub: '0.1.1', github: 'v0.1.1' },
    commentFirstLine: expect.stringMatching(/^\*\*Fail\.\*\* Not safe to merge: /),
    check: 'failure',
    restored: { hub: '0.1.2', github: 'v0.1.2', from: '0.1.0', wasTrained: false },
    act: expect.stringContaining('act version'),
  })
})
