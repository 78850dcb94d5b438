import { afterEach, describe, expect, it, vi } from 'vitest'
import { itInFull } from '../in-full.js'
import { receiver } from '../notify/harness.js'
import { commit, edit, project, sheikh, sheikhJson, start } from './harness.js'

// The other files of this process read the same variables.
afterEach(() => void vi.unstubAllEnvs())

const configured = async () => {
  const folder = await project()
  await edit(
    folder,
    'mlops/pipeline.yaml',
    (text) =>
      `${text}notifications:\n  slack: { webhook: "\${{ secrets.SLACK_WEBHOOK }}", events: [released, held] }\n`,
  )
  await commit(folder)
  return folder
}

describe('sheikh notify', () => {
  it('says that nobody is notified', async () => {
    expect(await sheikhJson(await project(), 'notify')).toEqual({ code: 0, json: { channels: [], problems: [] } })
  })

  it('shows the channels, and a secret that is missing', async () => {
    vi.stubEnv('SLACK_WEBHOOK', undefined)
    const { code, out } = await sheikh(await configured(), ['notify'])
    expect(out).toContain('the environment variable SLACK_WEBHOOK is not set')
    expect(code).toBe(1)
  })

  it('sends a test by every channel', async () => {
    const folder = await configured()
    const { url } = await receiver((response, number) =>
      number === 2 ? response.writeHead(403).end('invalid_token') : response.end('ok'),
    )
    vi.stubEnv('SLACK_WEBHOOK', `${url}/services/hunter22`)
    expect(await sheikh(folder, ['notify'])).toMatchObject({ code: 0, out: 'slack  released, held\n' })
    expect(await sheikh(folder, ['notify', '--test'])).toMatchObject({ code: 0, out: 'slack  sent  200 ok\n' })
    const refused = await sheikh(folder, ['notify', '--test'])
    expect(refused.code).toBe(1)
    expect(refused.out).toMatch(/^slack {2}not sent .*answered 403, "invalid_token"/)
    expect(refused.out + refused.err).not.toContain('hunter22')
  })

  itInFull('is waited for by the process of a run', async () => {
    const folder = await configured()
    const { url, requests } = await receiver((response) => response.end('ok'))
    const env = { SLACK_WEBHOOK: `${url}/services/hunter22` }
    // A process ends when its command has: a message that nobody waits for would be lost.
    expect((await start(folder, ['run'], { env }).ended).code).toBe(0)
    expect(requests).toHaveLength(1)
    expect(requests[0]!.body).toContain('Released 0.1.0')
  })
})
