import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const read = (path: string) => readFile(join(root, path), 'utf8')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...(await readdir(join(root, 'docs'))).map((name) => `docs/${name}`),
]

it('docs/errors.md has a heading for each code, and for nothing else', async () => {
  const [, union] = /export type ErrorCode =\n([\s\S]*?)\n\n/.exec(await read('src/core/errors.ts'))!
  const codes = [...union!.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code)
  const headings = [...(await read('docs/errors.md')).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(codes.length).toBeGreaterThan(10)
  expect(headings).toEqual(codes)
})

describe('links lead somewhere', () => {
  it.each(pages)('%s', async (page) => {
    for (const [, target] of (await read(page)).matchAll(/\]\(([^)#\s]+)/g))
      if (!/^[a-z]+:/.test(target!)) await access(join(root, dirname(page), target!))
  })
})

it('the README takes its figures from bench/results', async () => {
  const readme = await read('README.md')
  const results = await Promise.all(
    (await readdir(join(root, 'bench/results'))).map((name) => read(`bench/results/${name}`)),
  )
  const figures = results.flatMap((text) =>
    (JSON.parse(text) as { rows: { ours: number; peer: number; ratio: number; peakMemoryMb: number }[] }).rows.flatMap(
      ({ ours, peer, ratio, peakMemoryMb }) => [ours, peer, ratio, peakMemoryMb],
    ),
  )
  const [, section] = /\n## Measured\n([\s\S]*?)\n## /.exec(readme)!
  // Cells that are a number alone, with or without a unit after it.
  const cells = [...section!.matchAll(/\| *([0-9][0-9.,]*)(?: (?:ms|s|MB|texts\/s|tokens\/s))? *(?=\|)/g)].map(
    ([, cell]) => cell!,
  )
  expect(cells.length).toBeGreaterThan(4)
  for (const cell of cells) {
    const value = Number(cell.replaceAll(',', ''))
    const digits = (cell.split('.')[1] ?? '').length
    const unit = 10 ** -digits
    expect(
      figures.some((figure) => Math.abs(figure - value) <= unit / 2 + 1e-9),
      cell,
    ).toBe(true)
  }
})
