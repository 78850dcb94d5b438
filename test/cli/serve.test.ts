import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { post } from '../serve/fixture.js'
import { editSample, releasedProject, sheikh, sheikhJson, start } from './harness.js'

const urlIn = (text: string) => /http:\/\/127\.0\.0\.1:\d+/.exec(text)![0]

describe('serve', () => {
  it('answers texts and samples with the release, until the signal', async () => {
    const folder = await releasedProject()
    const process = start(folder, ['serve', '--port', '0', '--name', 'mail', '--token-env', 'A_TOKEN', '--json'], {
      env: { A_TOKEN: 'not-a-real-token' },
    })
    let err = ''
    process.child.stderr!.on('data', (piece) => {
      err += piece
    })
    await process.says('Stop it with')
    const url = urlIn(err)
    const headers = { authorization: 'Bearer not-a-real-token' }
    const inputs = ['my password is rejected', { id: 's1', text: 'the courier is late' }]
    const answer = await fetch(`${url}/v1/predict`, post('/', { inputs }, headers))
    expect(await answer.json()).toMatchObject({
      release: { version: '0.1.0' },
      predictions: [
        { kind: 'label', label: 'login' },
        { kind: 'label', label: 'shipping' },
      ],
    })
    expect((await fetch(`${url}/v1/predict`, post('/', { inputs }))).status).toBe(401)
    expect((await fetch(`${url}/v2/models/mail`, { headers })).status).toBe(200)
    const wrong = await fetch(`${url}/v1/predict`, post('/', { inputs: [{ id: 's1' }] }, headers))
    expect([wrong.status, ((await wrong.json()) as { error: { code: string } }).error.code]).toEqual([
      422,
      'invalid-input',
    ])
    process.child.kill('SIGTERM')
    const { code, signal, out } = await process.ended
    expect([code, signal]).toEqual([0, null])
    expect(JSON.parse(out)).toEqual({ release: { version: '0.1.0', bundle: expect.any(String) }, url })
  })

  itInFull('follows its channel', async () => {
    const folder = await releasedProject()
    const process = start(folder, [
      'serve',
      '--port',
      '0',
      '--follow',
      '--poll-seconds',
      '1',
      '--cache',
      'cache',
      '--json',
    ])
    await process.says('Looks for a new release every 1 s. Stop it with')
    await editSample(folder)
    const { code, json } = await sheikhJson(folder, 'run')
    expect([code, json.status]).toEqual([0, 'released'])
    await process.says(`Serving ${json.release.version}.`)
    process.child.kill('SIGTERM')
    const { code: ended, out } = await process.ended
    expect([ended, JSON.parse(out).release.version]).toEqual([0, json.release.version])
  })

  it.each([
    [['--version', '0.1.0', '--follow'], 'a version never changes'],
    [['--version', '0.1.0', '--channel', 'latest'], 'both --version and --channel'],
    [['--poll-seconds', '5'], '--poll-seconds is given without --follow'],
    [['--follow', '--poll-seconds', '0'], '--poll-seconds is "0"'],
    [['--refresh-secret-env', 'SHEIKH_NO_SUCH_SECRET'], '"SHEIKH_NO_SUCH_SECRET" is not set'],
    [['--host', '0.0.0.0'], 'the address 0.0.0.0 is public'],
    [['--host', '::'], 'the address :: is public'],
    [['--host', '127.example.com'], 'the address 127.example.com is public'],
    [['--token-env', 'SHEIKH_NO_SUCH_TOKEN'], '"SHEIKH_NO_SUCH_TOKEN" is not set'],
    [['--port', '65536'], '--port is "65536"'],
    [['--port', '-1'], '--port'],
    [['--port', '0x50'], '--port is "0x50"'],
  ])('refuses %j', async (argv, words) => {
    const { code, out, err } = await sheikh('/', ['serve', ...argv])
    expect([code, out, err]).toEqual([1, '', expect.stringContaining(words)])
  })
})
