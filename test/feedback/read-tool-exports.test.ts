import { expect, it } from 'vitest'
import { fixtureOf, readExport, type ToolExport, toolExports } from './tool-exports.js'

it.each(Object.keys(toolExports) as readonly ToolExport[])('reads %s as its tool wrote it', async (name) => {
  expect(await readExport(fixtureOf(name))).toEqual(toolExports[name])
})
