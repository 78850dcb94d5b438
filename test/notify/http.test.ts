import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { slackNotifier, webhookNotifier } from '../../src/notify.js'
import { collectingLog, notification, quick, type Received, receiver } from './harness.js'

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const secretPath = '/services/T000/B000/topsecretpath'
const ok = (response: ServerResponse) => response.end('ok')
const status =
  (code: number, headers = {}) =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end('no_service')

async function send(url: string, patience = {}) {
  const { log, messages } = collectingLog()
  const notifier = webhookNotifier({ url: `${url}${secretPath}`, secret, patience: { ...quick, ...patience } })
  const answer = await notifier.notify(notification, callContext({ log })).catch((error: unknown) => error as Error)
  const said = [answer instanceof Error ? `${answer.message} ${JSON.stringify(answer)}` : answer, ...messages].join(
    '\n',
  )
  expect(said).not.toContain('topsecretpath')
  expect(said).not.toContain(secret)
  return answer
}

describe('a delivery over HTTP', () => {
  it.each<readonly [string, (response: ServerResponse) => void]>([
    ['500', status(500)],
    ['503', status(503)],
    ['429 with Retry-After', status(429, { 'retry-after': '0' })],
    ['a connection that is reset', (response) => response.destroy()],
    [
      'half a body',
      (response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('half', () => response.destroy())
      },
    ],
    ['no answer', () => {}],
  ])('is retried after %s, with the same id', async (_, fault) => {
    const { url, requests } = await receiver((response, number) => (number < 3 ? fault(response) : ok(response)))
    expect(await send(url, { timeoutMs: 100 })).toBe('200 ok')
    expect(requests.length).toBe(3)
    expect(new Set(requests.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([notification.id]))
  })

  it('stops after the last attempt', async () => {
    const { url, requests } = await receiver(status(503))
    expect(await send(url, { attempts: 3 })).toMatchObject({ code: 'remote-failed', message: /answered 503/ })
    expect(requests).toHaveLength(3)
  })

  it.each([400, 401, 403, 404, 410, 413, 422])('is not retried after %d, and says what was answered', async (code) => {
    const { url, requests } = await receiver(status(code))
    expect(await send(url)).toMatchObject({
      code: 'remote-failed',
      message: `Cannot notify ${new URL(url).host}: it answered ${code}, "no_service".`,
      retryable: false,
    })
    expect(requests).toHaveLength(1)
  })

  it('is not retried if the server asks for a longer wait than there is time', async () => {
    const { url, requests } = await receiver(status(429, { 'retry-after': '3600' }))
    expect(await send(url)).toMatchObject({ message: /answered 429/ })
    expect(requests).toHaveLength(1)
  })

  it('follows no redirect', async () => {
    const elsewhere = await receiver(ok)
    const { url, requests } = await receiver(status(302, { location: elsewhere.url }))
    expect(await send(url)).toMatchObject({ message: /answered 302, and redirects are not followed/ })
    expect(requests).toHaveLength(1)
    expect(elsewhere.requests).toEqual([])
  })

  it('reads no answer without end', async () => {
    const { url, requests } = await receiver((response) => {
      const more = () => response.write('x'.repeat(1 << 14), more)
      response.on('error', () => {})
      more()
    })
    expect(await send(url)).toMatchObject({ message: /larger than 65536 bytes/ })
    expect(requests).toHaveLength(1)
  })

  it('ends with the reason of an abort', async () => {
    const controller = new AbortController()
    const { url } = await receiver(() => controller.abort(new Error('enough')))
    const notifier = slackNotifier({ webhook: url })
    await expect(notifier.notify(notification, callContext({ signal: controller.signal }))).rejects.toThrow('enough')
  })
})

describe('slackNotifier', () => {
  it('posts one section, with nothing in it that notifies or links', async () => {
    const { url, requests } = await receiver(ok)
    const hostile = { ...notification, project: '<!channel>', summary: 'a & b <https://evil.example|click> @here' }
    expect(await slackNotifier({ webhook: url }).notify(hostile, callContext())).toBe('200 ok')
    const { text, blocks, unfurl_links } = JSON.parse(requests[0]!.body)
    expect(text).toBe('&lt;!channel&gt;: Approval needed')
    expect(unfurl_links).toBe(false)
    expect(blocks).toEqual([
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          verbatim: true,
          text: [
            '*&lt;!channel&gt;: Approval needed*',
            'a &amp; b &lt;https://evil.example|click&gt; @here',
            '• inconclusive: accuracy: at worst 3.1 points lower than 1.3.0, margin 2.0 points',
            'Next: `sheikh approve 01h2xcejqtf2nbrexx3v --reason "…"`',
            'commit abcdef012345 · <https://github.com/owner/name/actions/runs/7|run>',
          ].join('\n'),
        },
      },
    ])
  })

  it("stays below Slack's limit", async () => {
    const { url, requests } = await receiver(ok)
    const long = {
      ...notification,
      summary: '<'.repeat(600),
      metrics: Array.from({ length: 9 }, () => 'm'.repeat(600)),
    }
    await slackNotifier({ webhook: url }).notify(long, callContext())
    expect(JSON.parse(requests[0]!.body).blocks[0].text.text.length).toBeLessThanOrEqual(3000)
  })

  it.each(['http://hooks.example.com/x', 'ftp://x', 'hooks.slack.com/services/x', 'https://user:hunter2@x.example/'])(
    'refuses the address %s and does not repeat it',
    (webhook) => {
      const make = () => slackNotifier({ webhook })
      expect(make).toThrow(expect.objectContaining({ code: 'invalid-options' }))
      expect(make).not.toThrow(webhook)
    },
  )
})

describe('webhookNotifier', () => {
  // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
  it('signs id, time and body as Standard Webhooks says', async () => {
    const { url, requests } = await receiver(ok)
    const clock = { nowMs: () => 1_700_000_000_999 }
    await webhookNotifier({ url, secret }).notify(notification, callContext({ clock }))
    const [{ headers, body }] = requests as [Received]
    expect(JSON.parse(body)).toEqual(notification)
    expect(headers['webhook-timestamp']).toBe('1700000000')
    const signed = `${notification.id}.1700000000.${body}`
    const expected = createHmac('sha256', '0123456789abcdef0123456789abcdef').update(signed).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${expected}`)
  })

  it.each(['', 'hunter2', `whsec_${Buffer.from('short').toString('base64')}`, 'whsec_no base64'])(
    'refuses the secret %j',
    (wrong) => {
      expect(() => webhookNotifier({ url: 'https://example.com', secret: wrong })).toThrow(
        expect.objectContaining({ code: 'invalid-options', message: expect.stringContaining('openssl rand') }),
      )
    },
  )
})
