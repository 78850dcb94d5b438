import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { callContext, digestBytes, isSheikhError } from '../../src/core/index.js'
import { inputReader } from '../../src/repository/model-inputs.js'
import { warnings } from '../serve/fixture.js'

const path = 'prompts/input.txt'

function project(template: string) {
  const root = mkdtempSync(join(tmpdir(), 'sheikh-inputs-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  mkdirSync(join(root, 'prompts'))
  const write = (text: string) => writeFileSync(join(root, path), text)
  write(template)
  const { said, log } = warnings()
  const released = { version: '0.1.0', manifest: { files: [{ path, digest: digestBytes('<{{ text }}>') }] } }
  const open = () =>
    inputReader(
      released as never,
      { root, configuration: { dataset: { projection: { input: path } } } as never },
      callContext({ log }),
    )
  return { root, write, said, open }
}

it('keeps the template that it began with', async () => {
  const { write, said, open } = project('<{{ text }}>')
  const { read } = await open()
  write('changed: {{ text }}')
  expect(await read([{ text: 'a' }, { text: 'b' }])).toEqual(['<a>', '<b>'])
  expect(said).toEqual([])
  await open()
  expect(said).toEqual([expect.stringContaining('differs from the one in release 0.1.0')])
})

it('does not begin without its template', async () => {
  const { root, open } = project('')
  rmSync(join(root, path))
  await expect(open()).rejects.toSatisfy((error) => isSheikhError(error))
})
