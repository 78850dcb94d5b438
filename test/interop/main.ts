// npm run test:interop: what Python's libraries say of the same. Needs `npm run setup:interop`; without it, says so and skips.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { interopPython } from './python.js'

if (interopPython() === undefined) {
  const required = process.env['CI'] === 'true' && process.env['SHEIKH_INTEROP'] === 'required'
  console.log(`${required ? 'Failed' : 'Skipped'}: there is no Python environment. Make one: npm run setup:interop`)
  process.exit(required ? 1 : 0)
}
const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
const config = join(import.meta.dirname, 'vitest.config.ts')
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, ...process.argv.slice(2)], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
