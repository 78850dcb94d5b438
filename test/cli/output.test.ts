import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mapStrings, printable } from '../../src/cli/printable.js'
import { anyText } from '../any-text.js'
import { itInFull } from '../in-full.js'
import { isWhole, sampleOf } from '../whole.js'
import { commit, edit, project, type Said, sheikh, start, tinyProject, write } from './harness.js'

// In the shape of tokens, so that they are known for secrets; in halves, so that no scanner takes this file for a leak.
const webhook = ['https://hooks.slack', '.com/services/T00/B00/thisisthesecret'].join('')
const token = ['hf', '_abcdefghijklmnopqrstuvwx'].join('')
const secret = 'a-secret-of-the-environment'

describe('secrets', () => {
  const everywhere: readonly (readonly string[])[] = [
    ['run'],
    ['plan'],
    ['status'],
    ['validate'],
    ['history'],
    ['report'],
    ['why', 'train'],
    ['evaluation', 'status'],
  ]
  const nowhere = ({ out, err }: Said, texts: readonly string[]) => {
    for (const text of texts) expect(out + err).not.toContain(text)
  }

  it('of the configuration never show, by name or as they are', async () => {
    const folder = await project()
    await edit(
      folder,
      'mlops/pipeline.yaml',
      (text) =>
        `${text}notifications:\n  slack:\n    webhook: \${{ secrets.SLACK_WEBHOOK }}\n  email:\n    recipients: ["${webhook}"]\n    ${token}: 1\n`,
    )
    await commit(folder)
    const forms = [[], ['--json']]
    for (const [index, argv] of sampleOf(everywhere, 2).entries())
      for (const json of isWhole ? forms : [forms[index % 2]!])
        nowhere(await sheikh(folder, [...argv, ...json]), [webhook, token])
    const env = { SLACK_WEBHOOK: secret }
    for (const argv of isWhole ? [['validate'], ['run', '--retrain', '--json']] : [['run', '--retrain', '--json']])
      nowhere(await start(folder, argv, { env }).ended, [secret, webhook, token])
  })

  it("in a host's error reach neither the output nor what is kept", async () => {
    const folder = await tinyProject()
    const config = `export default { trainer: { contract: 1, name: 'mine', version: '1', targets: 'labels', describe: () => null,
      fit: async () => { throw new Error('401 for Bearer ${token}') }, load: async () => { throw new Error('no') } } }\n`
    await write(folder, 'sheikh.config.mjs', config)
    await commit(folder)
    for (const json of [[], ['--json']]) {
      const said = await sheikh(folder, ['run', ...json])
      expect(said.code).toBe(1)
      expect(said.out + said.err).toContain('401 for Bearer [secret]')
      nowhere(said, [token])
    }
    nowhere(await sheikh(folder, ['report', '--json']), [token])
    for (const entry of await readdir(join(folder, '.sheikh'), { recursive: true, withFileTypes: true }))
      if (entry.isFile())
        expect(await readFile(join(entry.parentPath, entry.name), 'latin1'), entry.name).not.toContain(token)
  })
})

// Title, colour, the 8-bit introducer, a line that is overwritten, a line that is read backwards.
const codes = '\u001b]0;owned\u0007\u001b[31mred\u009b2J\rover\u202eesrever'
const raw = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/

describe('escape codes', () => {
  it('in samples, ids and reasons are never printed as they are', async () => {
    const folder = await tinyProject()
    await write(folder, 'dataset/samples/all/codes.json', { id: `id${codes}`, text: `apple ${codes}`, label: 'fruit' })
    await commit(folder)
    const said: Said[] = [await sheikh(folder, ['run'])]
    expect([0, 3]).toContain(said[0]!.code)
    await sheikh(folder, ['evaluation', 'add', `id${codes}`])
    await write(folder, 'dataset/samples/all/codes.json', { id: `id${codes}`, text: `pear ${codes}`, label: codes })
    said.push(await sheikh(folder, ['evaluation', 'status']))
    expect(said[1]!.out).toContain('\\u001b]0;owned')
    // No JSON: the parser's message quotes it.
    await write(folder, 'dataset/samples/all/codes.json', codes)
    for (const argv of [['run', '--allow-dirty'], ['plan'], ['validate'], ['status'], ['history'], ['report'], [codes]])
      said.push(await sheikh(folder, argv), await sheikh(folder, [...argv, '--json']))
    for (const { out, err } of said) expect(out + err).not.toMatch(raw)
  })

  itInFull('in why something was withdrawn', async () => {
    const folder = await tinyProject()
    await edit(folder, 'mlops/pipeline.yaml', (text) => text.replace('inconclusive: ask', 'inconclusive: release'))
    await commit(folder)
    await sheikh(folder, ['run'])
    await write(folder, 'dataset/samples/all/new.json', { id: 'new', text: 'apple tart', label: 'fruit' })
    await commit(folder)
    expect(await sheikh(folder, ['run'])).toMatchObject({ code: 0 })
    expect(await sheikh(folder, ['rollback', '--reason', codes])).toMatchObject({ code: 0 })
    const text = await sheikh(folder, ['history'])
    expect(text.out).toContain('withdrawn: \\u001b]0;owned')
    expect(text.out).not.toMatch(raw)
    const { out } = await sheikh(folder, ['history', '--json'])
    expect(out).not.toMatch(raw)
    // A program still gets what was said.
    expect(JSON.parse(out).releases[1].withdrawn.reason).toBe(codes)
  })

  it('printable: nothing that commands is left, and a JSON document means what it meant', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(printable(text)).not.toMatch(raw)
        expect(JSON.parse(printable(JSON.stringify(text)))).toBe(text)
      }),
    )
    expect(printable('tab\tline\nمرحبا 👩‍👩‍👧 “ok”')).toBe('tab\tline\nمرحبا 👩‍👩‍👧 “ok”')
  })

  it('mapStrings: a change that would reach past a quotation mark stays inside', () => {
    const value = { at: 'http://host:80', by: ['me@example.com', 1, null] }
    expect(mapStrings(value, (text) => text.replace(/:\/\/.*/, ''))).toEqual({ at: 'http', by: value.by })
  })
})
