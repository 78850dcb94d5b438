import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { releasedProject, sheikh, sheikhJson, start, temporary } from './harness.js'

describe('dashboard', () => {
  it('shows the project until Ctrl-C, and ends with 0', async () => {
    const { child, says, ended } = start(await releasedProject(), ['dashboard', '--port', '0'])
    let err = ''
    child.stderr!.on('data', (piece) => {
      err += piece
    })
    await says('Stop it with Ctrl-C')
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(err)![0]
    const { released } = (await (await fetch(`${url}/api/overview`)).json()) as { released: { value: unknown } }
    expect(released.value).toMatchObject([{ version: '0.1.0', channels: ['latest'] }])
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, signal: null, out: 'Stopped the dashboard.\n' })
  })

  it('prints a link for a public address, and accepts the token of programs', async () => {
    const argv = ['dashboard', '--host', '0.0.0.0', '--port', '0', '--token-env', 'A_TOKEN']
    const { child, says, ended } = start(await releasedProject(), argv, { env: { A_TOKEN: 'not-a-real-token' } })
    let err = ''
    child.stderr!.on('data', (piece) => {
      err += piece
    })
    await says('Stop it with Ctrl-C')
    const [, port, link] = /http:\/\/0\.0\.0\.0:(\d+)(\/\?link=\S+)/.exec(err)!
    const url = `http://127.0.0.1:${port}`
    expect((await fetch(url)).status).toBe(401)
    expect((await fetch(url, { headers: { authorization: 'Bearer not-a-real-token' } })).status).toBe(200)
    expect((await fetch(`${url}${link}`, { redirect: 'manual' })).status).toBe(303)
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0 })
  })

  itInFull('--out writes the pages', async () => {
    const out = join(await temporary(), 'public')
    const { code, json } = await sheikhJson(await releasedProject(), 'dashboard', '--out', out)
    expect([code, json]).toEqual([0, { folder: out, files: expect.any(Number), problems: [] }])
    await access(join(out, 'releases/0.1.0.html'))
  })

  it.each([
    [['--port', 'x'], '--port is "x"'],
    [['--token-env', 'SHEIKH_NO_SUCH_TOKEN'], '"SHEIKH_NO_SUCH_TOKEN" is not set'],
  ])('refuses %j', async (argv, words) => {
    const { code, err } = await sheikh('/', ['dashboard', ...argv])
    expect([code, err]).toEqual([1, expect.stringContaining(words)])
  })
})
