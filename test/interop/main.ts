// npm run test:interop: the same questions, asked of Python's libraries and other programs. npm run test:interop -- <name>…: the
// files <name>.interop.ts, and options of Vitest. Needs `npm run setup:interop`; without it, prints so and skips.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { interopPython } from './python.js'

const withoutPython = new Set([
  'actions',
  'bullmq',
  'bullmq-tune',
  'dashboard',
  'diloco',
  'features',
  'feedback-readers',
  'gate-readers',
  'git',
  'label-studio',
  'report-prompts',
  'serving',
  'workflows',
  'workflows-learn',
])
const asked = process.argv.slice(2)
const names = asked.filter((name) => !name.startsWith('-'))
const needsPython = names.length === 0 || names.some((name) => !withoutPython.has(name))

if (needsPython && interopPython() === undefined) {
  const required = process.env['CI'] === 'true' && process.env['SHEIKH_INTEROP'] === 'required'
  console.log(`${required ? 'Failed' : 'Skipped'}: there is no Python environment. Make one: npm run setup:interop`)
  process.exit(required ? 1 : 0)
}
const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
const config = join(import.meta.dirname, 'vitest.config.ts')
// The file itself: by its name alone, "git" would also be "hub-git-lfs".
const fileOf = (name: string) => join(import.meta.dirname, `${name}.interop.ts`)
const wanted = asked.map((name) => (existsSync(fileOf(name)) ? fileOf(name) : name))
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, ...wanted], { stdio: 'inherit' })
process.exitCode = status ?? 1
