import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sheikh, temporary, write } from '../cli/harness.js'

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
