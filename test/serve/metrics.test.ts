import { describe, expect, it } from 'vitest'
import { handlerOf, post } from './fixture.js'

const scrape = async (handler: (request: Request) => Promise<Response>, headers = {}) => {
  const response = await handler(new Request('http://localhost/metrics', { headers }))
  return { status: response.status, text: await response.text() }
}

describe('/metrics', () => {
  it('counts requests, times, batches and the queue, and names the release', async () => {
    const { handler } = await handlerOf({ metrics: true, token: 'secret' })
    const headers = { authorization: 'Bearer secret' }
    await handler(post('/v1/predict', { inputs: ['a', 'b', 'c'] }, headers))
    await handler(post('/invocations', { inputs: 7 }, headers))
    await handler(new Request('http://localhost/nowhere/at/all', { headers }))
    expect((await scrape(handler)).status).toBe(401)
    const { text } = await scrape(handler, headers)
    for (const line of [
      'sheikh_requests_total{protocol="sheikh",status="200"} 1',
      'sheikh_requests_total{protocol="mlflow",status="422"} 1',
      'sheikh_requests_total{protocol="sheikh",status="404"} 1',
      'sheikh_requests_total{protocol="metrics",status="401"} 1',
      'sheikh_request_duration_seconds_count{protocol="sheikh"} 2',
      'sheikh_batch_size_sum 3',
      'sheikh_queue_length 0',
      `sheikh_release_info{version="0.1.0",bundle="${handler.release.bundle}"} 1`,
    ])
      expect(text.split('\n')).toContain(line)
  })

  it('is absent unless asked for, and two handlers do not count together', async () => {
    const { handler } = await handlerOf()
    expect((await scrape(handler)).status).toBe(404)
    const [one, other] = [await handlerOf({ metrics: true }), await handlerOf({ metrics: true })]
    await one.handler(post('/v1/predict', { inputs: ['a'] }))
    expect((await scrape(other.handler)).text).not.toContain('sheikh_batch_size_sum 1')
  })
})
