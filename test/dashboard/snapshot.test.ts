import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { writeSnapshot } from '../../src/dashboard/index.js'
import { demoProject, newFolder, sourceOf } from './fixture.js'

it('a snapshot is files with relative links that lead somewhere, without a script', async () => {
  const [source, folder] = [await sourceOf(await demoProject()), await newFolder()]
  const { files, problems } = await writeSnapshot(source, folder)
  expect(problems).toEqual([])
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  expect(names).toHaveLength(files)
  const pages = names.map(({ parentPath, name }) => join(parentPath, name)).filter((name) => name.endsWith('.html'))
  expect(pages.length).toBeGreaterThan(12)
  for (const page of pages) {
    const text = await readFile(page, 'utf8')
    expect(text).not.toMatch(/<script|<form|data-refresh/)
    const links = [...text.matchAll(/ (?:href|src)="([^"#]+)"/g)].map(([, link]) => link!)
    expect(links.length).toBeGreaterThan(7)
    for (const link of links) await access(join(dirname(page), decodeURIComponent(link)))
  }
  await expect(writeSnapshot(source, folder)).rejects.toMatchObject({ code: 'invalid-options' })
})
