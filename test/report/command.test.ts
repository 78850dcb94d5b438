import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { releasedProject, sheikh, temporary, write } from '../cli/harness.js'

it('gate compare writes a page where the file is called one, and else Markdown', async () => {
  const folder = await temporary()
  const answers = (isWrong: (index: number) => boolean) =>
    Array.from({ length: 300 }, (_, id) => JSON.stringify({ id: `<b>${id}`, score: isWrong(id) ? 0 : 1 })).join('\n')
  const old = answers((id) => id % 10 === 0)
  await write(folder, 'old.jsonl', old)
  await write(
    folder,
    'new.jsonl',
    answers((id) => id % 5 === 0),
  )
  const compare = ['gate', 'compare', '--baseline', 'old.jsonl', '--candidate', 'new.jsonl', '--out']
  for (const name of ['page.html', 'page.HTM', 'page.md']) {
    expect((await sheikh(folder, [...compare, name])).code).toBe(2)
    const text = await readFile(join(folder, name), 'utf8')
    expect(text).toMatch(name === 'page.md' ? /^\*\*Fail\.\*\*/ : /^<!doctype html>/)
    if (name !== 'page.md') expect(text).toContain('<code>&lt;b&gt;')
  }
})

it('report prints or writes the page of a run', async () => {
  const folder = await releasedProject()
  const printed = await sheikh(folder, ['report', '--html'])
  expect(printed).toMatchObject({ code: 0, err: '' })
  expect(printed.out).toMatch(/^<!doctype html>/)
  expect((await sheikh(folder, ['report', '--out', 'page.html'])).out).toBe(`Wrote ${join(folder, 'page.html')}\n`)
  expect((await sheikh(folder, ['report', '--html', '--out', 'page'])).code).toBe(0)
  const page = await readFile(join(folder, 'page.html'), 'utf8')
  expect(page).toBe(await readFile(join(folder, 'page'), 'utf8'))
  expect(page.trim()).toBe(printed.out.trim())
  for (const heading of ['Training', 'All checks', 'Data', 'Inputs']) expect(page).toContain(`<h2>${heading}</h2>`)
})
