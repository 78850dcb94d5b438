import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

// An import goes to the same room or to one further up this list, never down (docs/architecture.md).
const rooms = [
  'core',
  'statistics',
  'store',
  'execute',
  'model',
  'dataset',
  'prompts',
  'evaluation',
  'trainer',
  'gate',
  'releaser',
  'pipeline',
  'notify',
  'feedback',
  'drift',
  'experiment',
  'serve',
  'tune',
  'ensemble',
  'repository',
  'report',
  'dashboard',
  'testing',
  'cli',
]
const implementations = [
  'store/directory',
  'store/s3',
  'trainer/command',
  'trainer/tfjs',
  'pipeline/track',
  'releaser/directory',
  'releaser/huggingface',
  'releaser/github',
  'releaser/s3',
]
// Notifiers are implementations; one of them uses the client of releaser/github.
const composers = new Set(['notify', 'repository', 'cli', 'testing'])
const entries = [
  'index',
  'repository',
  'huggingface',
  'github',
  's3',
  'notify',
  'tfjs',
  'signing',
  'statistics',
  'drift',
  'feedback',
  'experiment',
  'serve',
  'tune',
  'ensemble',
  'execute',
  'testing',
]
const root = resolve(import.meta.dirname, '../src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => join(root, path))

interface Import {
  readonly specifier: string
  readonly lazy: boolean
  readonly typeOnly: boolean
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
  const found: Import[] = []
  for (const [, typeOnly, specifier] of text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  ))
    found.push({ specifier: specifier!, lazy: false, typeOnly: typeOnly !== undefined })
  for (const [, specifier] of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g))
    found.push({ specifier: specifier!, lazy: true, typeOnly: false })
  return found
}

const target = (file: string, specifier: string) => resolve(dirname(file), specifier.replace(/\.js$/, '.ts'))
const roomOf = (file: string) => relative(root, file).split('/')[0]!
const inside = (file: string) => relative(root, file)

describe('the floor plan', () => {
  it('knows every room', () => {
    const unknown = files.map(roomOf).filter((room) => !room.endsWith('.ts') && !rooms.includes(room))
    expect([...new Set(unknown)]).toEqual([])
  })

  it('imports go up the list, never down', () => {
    const wrong: string[] = []
    for (const file of files) {
      const from = rooms.indexOf(roomOf(file))
      if (from < 0) continue
      for (const { specifier } of importsOf(file)) {
        if (!specifier.startsWith('.')) continue
        const to = rooms.indexOf(roomOf(target(file, specifier)))
        if (to > from || to < 0) wrong.push(`${inside(file)} → ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('implementations are imported by entries and by rooms that compose', () => {
    const wrong: string[] = []
    for (const file of files) {
      const own = implementations.find((folder) => inside(file).startsWith(`${folder}/`))
      if (composers.has(roomOf(file)) || roomOf(file).endsWith('.ts')) continue
      for (const { specifier } of importsOf(file)) {
        if (!specifier.startsWith('.')) continue
        const reached = implementations.find((folder) => inside(target(file, specifier)).startsWith(`${folder}/`))
        if (reached !== undefined && reached !== own) wrong.push(`${inside(file)} → ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('a room is entered by its index', () => {
    const wrong: string[] = []
    for (const file of files)
      for (const { specifier } of importsOf(file)) {
        if (!specifier.startsWith('.')) continue
        const to = target(file, specifier)
        const sameRoom = roomOf(to) === roomOf(file)
        const entry = roomOf(file).endsWith('.ts')
        if (!sameRoom && !to.endsWith('/index.ts') && !(entry && roomOf(to) === 'testing'))
          wrong.push(`${inside(file)} → ${specifier}`)
      }
    expect(wrong).toEqual([])
  })

  it('the root entry loads two small packages, and only the rooms that it exports', () => {
    const seen = new Set<string>()
    const packages = new Set<string>()
    const visit = (file: string) => {
      if (seen.has(file)) return
      seen.add(file)
      for (const { specifier, lazy, typeOnly } of importsOf(file)) {
        if (lazy || typeOnly) continue
        if (specifier.startsWith('.')) visit(target(file, specifier))
        else if (!specifier.startsWith('node:')) packages.add(specifier.split('/')[0]!)
      }
    }
    visit(join(root, 'index.ts'))
    expect([...packages].sort()).toEqual(['eventemitter3', 'semver'])
    // An index counts as if all its exports were used: the bundler puts them into files that the entry loads.
    expect([...new Set([...seen].map(roomOf))].sort()).toEqual([
      'core',
      'dataset',
      'evaluation',
      'execute',
      'gate',
      'index.ts',
      'model',
      'pipeline',
      'prompts',
      'releaser',
      'report',
      'statistics',
      'store',
      'trainer',
    ])
    // Parts of this package that most programs do not use.
    const unused = /^(execute\/(?!shards\/)|prompts\/jinja\/|trainer\/command\/(fit-program|predict-program)\.)/
    expect([...seen].map(inside).filter((file) => unused.test(file))).toEqual([])
  })

  it('clock, chance, environment and console stay in adapters and the command line', () => {
    // Where the world comes in: tokens and addresses are in the environment, and what a program of the user's needs to run.
    const allowed = [
      'core/context.ts',
      'cli/',
      'repository/opened-project.ts',
      'repository/import-data/import-data.ts',
      'repository/watch/watch-project.ts',
      'repository/git/open-git.ts',
      'repository/lfs/git-lfs.ts',
      'trainer/command/settings.ts',
      // A helper inside a test: it warns as tests do, and a person accepts a baseline by a variable.
      'testing/compare-with-baseline.ts',
    ]
    const wrong = files
      .filter((file) => !allowed.some((path) => inside(file).startsWith(path)))
      .filter((file) => {
        const code = readFileSync(file, 'utf8')
          .replace(/\/\*[\s\S]*?\*\//g, '')
          .replace(/\/\/.*$/gm, '')
        return /Math\.random\(|Date\.now\(|process\.env|from 'node:process'|\bconsole\./.test(code)
      })
      .map(inside)
    expect(wrong).toEqual([])
  })

  it('every entry re-exports by name', () => {
    for (const entry of entries)
      expect(readFileSync(join(root, `${entry}.ts`), 'utf8'), entry).not.toMatch(/export \*|export default/)
  })
})
