import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type ErrorCode, SheikhError } from '../src/core/index.js'

const root = resolve(import.meta.dirname, '..')
const read = (path: string) => readFile(join(root, path), 'utf8')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...(await readdir(join(root, 'docs'), { withFileTypes: true })).flatMap((entry) =>
    entry.isFile() ? [`docs/${entry.name}`] : [],
  ),
]

it('docs/errors.md has a heading for each code, and for nothing else', async () => {
  const [, union] = /export type ErrorCode =\n([\s\S]*?)\n\n/.exec(await read('src/core/errors.ts'))!
  const codes = [...union!.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code)
  const headings = [...(await read('docs/errors.md')).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(codes.length).toBeGreaterThan(10)
  expect(headings).toEqual(codes)
  // A heading without spaces or capitals is its own anchor.
  for (const code of codes) expect(new SheikhError(code as ErrorCode, '').docs).toBe(`docs/errors.md#${code}`)
})

describe('links lead somewhere', () => {
  it.each(pages)('%s', async (page) => {
    for (const [, target] of (await read(page)).matchAll(/\]\(([^)#\s]+)/g))
      if (!/^[a-z]+:/.test(target!)) await access(join(root, dirname(page), target!))
  })
})

it('docs/benchmarks.md takes the figures of each row from rows of bench/results about one thing', async () => {
  const results = await Promise.all(
    (await readdir(join(root, 'bench/results'))).map((name) => read(`bench/results/${name}`)),
  )
  const rows = results.flatMap((text) => {
    const about = new Map<string, number[]>()
    for (const { work, ours, peer, peakMemoryMb, peerName } of (JSON.parse(text) as { rows: BenchRow[] }).rows) {
      // "wordnet: accuracy" and "wordnet: peak memory" are about the same training.
      const subject = work.split(': ')[0]!
      const figures = [ours, peer, peakMemoryMb, ...[...peerName.matchAll(/\d+(?:\.\d+)?/g)].map(Number)]
      about.set(subject, [...(about.get(subject) ?? []), ...figures])
    }
    return [...about.values()]
  })
  const tables = (await read('docs/benchmarks.md')).split('\n').flatMap((line) => {
    // Cells that are a number alone, with or without a unit after it.
    const cells = [...line.matchAll(/\| *([0-9][0-9.,]*)(?: (?:ms|s|MB|texts\/s|tokens\/s))? *(?=\|)/g)].map(
      ([, cell]) => cell!.replaceAll(',', ''),
    )
    return cells.length === 0 ? [] : [{ line, cells }]
  })
  expect(tables.length).toBeGreaterThan(15)
  for (const { line, cells } of tables)
    expect(
      rows.some((figures) => cells.every((cell) => figures.some((figure) => isRounded(cell, figure)))),
      line,
    ).toBe(true)
})

interface BenchRow {
  readonly work: string
  readonly ours: number
  readonly peer: number
  readonly peakMemoryMb: number
  readonly peerName: string
}

function isRounded(cell: string, figure: number): boolean {
  const unit = 10 ** -(cell.split('.')[1] ?? '').length
  return Math.abs(figure - Number(cell)) <= unit / 2 + 1e-9
}
