// Packs the library, installs the tarball into an empty folder without its optional peers, and uses it as a stranger would:
// the types with every check on (skipLibCheck off), the modules at run time, and the command line.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'sheikh-consumer-'))
const run = (command, args, options = {}) =>
  execFileSync(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', ...options })

try {
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const { typescript, '@types/node': node } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ).devDependencies
  run('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`, `typescript@${typescript}`, `@types/node@${node}`])
  for (const name of ['consumer.ts', 'consumer-types.ts', 'tsconfig.json'])
    cpSync(join(import.meta.dirname, name), join(folder, name))
  run('npx', ['tsc', '-p', 'tsconfig.json'])
  console.log(run('node', ['consumer.js']).trim())
  // What docs/getting-started.md says, from an empty folder.
  const sheikh = (...parameters) => run('npx', ['sheikh', ...parameters], { cwd: join(folder, 'my-model') })
  run('npx', ['sheikh', 'init', 'my-model'])
  sheikh('plan')
  for (const expected of ['released', 'up-to-date']) {
    const { status } = JSON.parse(sheikh('run', '--json'))
    if (status !== expected) throw new Error(`sheikh run ended as ${status}, not ${expected}`)
  }
  // An editor opens the schema that each file names.
  for (const path of ['mlops/pipeline.yaml', 'mlops/training/config.yaml', 'dataset/config.yaml']) {
    const file = join(folder, 'my-model', path)
    const [, schema] = /^# yaml-language-server: \$schema=(.+)$/m.exec(readFileSync(file, 'utf8'))
    if (JSON.parse(readFileSync(resolve(dirname(file), schema), 'utf8')).title !== path)
      throw new Error(`${schema} is not of ${path}`)
  }
  const changes = run('git', ['status', '--porcelain'], { cwd: join(folder, 'my-model') })
  if (changes !== '') throw new Error(`git status is not clean after init and run: ${changes}`)
  console.log(sheikh('status').trim())
  // The root entry must not need tfjs, for types or at run time.
  rmSync(join(folder, 'node_modules/@tensorflow'), { recursive: true })
  run('npx', ['tsc', '-p', 'tsconfig.json'])
  console.log(run('node', ['consumer.js']).trim())
  console.log('consumer: types and modules work from the tarball, with tfjs and without')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
