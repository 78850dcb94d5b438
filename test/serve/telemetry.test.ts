import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { describe, expect, it, onTestFinished } from 'vitest'
import { traceServing } from '../../examples/opentelemetry.js'
import type { Prediction } from '../../src/model/index.js'
import type { BatchEvent, RequestEvent } from '../../src/serve/index.js'
import { beginRequest } from '../../src/serve/telemetry.js'
import { handlerOf, handTimer, post, releasedModel, settled, timedHandler } from './fixture.js'
import { following } from './following.js'

const ok: Prediction = { kind: 'text', text: 'ok' }

/** OpenTelemetry with the subscriber of the example. */
function traced() {
  const exporter = new InMemorySpanExporter()
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const stop = traceServing()
  onTestFinished(() => {
    stop()
    trace.disable()
    propagation.disable()
  })
  const spansOf = (kind: SpanKind) => exporter.getFinishedSpans().filter((span) => span.kind === kind)
  return {
    stop,
    requests: () => spansOf(SpanKind.SERVER),
    others: () => spansOf(SpanKind.INTERNAL),
  }
}

/** What subscribers get on a channel until the test ends. */
function heard<E>(name: string): readonly E[] {
  const events: E[] = []
  const listen = (event: unknown) => void events.push(event as E)
  subscribe(name, listen)
  onTestFinished(() => void unsubscribe(name, listen))
  return events
}

const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId

describe('spans of requests', () => {
  it('continue the trace of the client, with the attributes of the semantic conventions', async () => {
    const { requests, others } = traced()
    const { handler } = await handlerOf()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const answer = await handler(
      post('/v1/predict?a=1', { inputs: ['apple', 'car'] }, { traceparent, 'user-agent': 'curl/8' }),
    )
    const [request] = requests()
    expect(request).toMatchObject({ name: 'POST /v1/predict', status: { code: SpanStatusCode.UNSET } })
    expect(request!.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c')
    expect(request!.parentSpanContext).toMatchObject({ spanId: 'b7ad6b7169203331', isRemote: true })
    expect(request!.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/predict',
      'http.response.status_code': 200,
      'url.path': '/v1/predict',
      'url.scheme': 'http',
      'user_agent.original': 'curl/8',
      'sheikh.prediction.id': answer.headers.get('sheikh-prediction'),
      'sheikh.release.version': '0.1.0',
    })
    const [batch] = others()
    expect(batch).toMatchObject({ name: 'predict batch', links: [], attributes: { 'sheikh.batch.size': 2 } })
    expect([batch!.spanContext().traceId, batch!.parentSpanContext?.spanId]).toEqual([
      request!.spanContext().traceId,
      idOf(request),
    ])
  })

  it('are linked to the batch that several of them share', async () => {
    const { requests, others } = traced()
    const { timer, move } = handTimer()
    const { handler } = await timedHandler(timer, {}, await releasedModel(async (inputs) => inputs.map(() => ok)))
    const asked = [['a'], ['b', 'c'], ['d']].map((inputs) => handler(post('/v1/predict', { inputs })))
    await settled()
    await move(0)
    await Promise.all(asked)
    const [first, ...more] = requests()
    const [batch, ...none] = others()
    expect([batch!.attributes['sheikh.batch.size'], none]).toEqual([4, []])
    expect(batch!.parentSpanContext?.spanId).toBe(idOf(first))
    expect(batch!.links.map(({ context }) => context.spanId)).toEqual(more.map(idOf))
  })

  it('have the status of errors of the server, and not of the client', async () => {
    const { requests, others } = traced()
    const model = await releasedModel(async () => {
      throw new RangeError('secret')
    })
    const { handler } = await handlerOf({ smokeInputs: [] }, model)
    await handler(post('/v1/predict', { inputs: ['a'] }))
    await handler(post('/v1/predict', { inputs: [1] }))
    await handler(new Request('http://localhost/nowhere'))
    await handler(new Request('http://localhost/v1/predict', { method: 'PROPFIND' }))
    const seen = requests().map(({ name, status, attributes }) => [
      ...[name, status.code, attributes['http.response.status_code'], attributes['error.type']],
      attributes['http.request.method_original'],
    ])
    expect(seen).toEqual([
      ['POST /v1/predict', SpanStatusCode.ERROR, 500, 'prediction-failed', undefined],
      ['POST /v1/predict', SpanStatusCode.UNSET, 422, undefined, undefined],
      ['GET', SpanStatusCode.UNSET, 404, undefined, undefined],
      ['HTTP', SpanStatusCode.UNSET, 405, undefined, 'PROPFIND'],
    ])
    const [batch] = others()
    expect([batch!.status.code, batch!.attributes['error.type']]).toEqual([SpanStatusCode.ERROR, 'RangeError'])
    expect(JSON.stringify([batch!.attributes, batch!.status])).not.toContain('secret')
  })

  it('end with the last part of a stream', async () => {
    const { requests } = traced()
    const model = await releasedModel()
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const { handler } = await handlerOf(
      { smokeInputs: [] },
      {
        ...model,
        async *generate() {
          yield { text: 'a' }
          await opened
          throw new Error('gone')
        },
      },
    )
    const answer = await handler(post('/v1/completions', { model: 'model', prompt: 'a', stream: true }))
    expect([answer.status, requests()]).toEqual([200, []])
    open()
    await answer.text()
    // The source of the parts is closed after the client has the last one.
    await settled()
    expect(requests().map(({ status, attributes }) => [status.code, attributes['error.type']])).toEqual([
      [SpanStatusCode.ERROR, 'prediction-failed'],
    ])
  })
})

describe('the span of a change of the release', () => {
  it('tells from which to which, and whether it failed', async () => {
    const { others } = traced()
    const { poll, release, rollback, state } = await following()
    await release()
    state.isBroken = true
    await poll()
    state.isBroken = false
    await rollback()
    await poll()
    const swaps = others().filter(({ name }) => name === 'swap release')
    expect(swaps.map(({ attributes, status }) => [attributes, status.code])).toEqual([
      [
        { 'sheikh.release.from': '0.1.0', 'sheikh.release.to': '0.1.1', 'error.type': 'SheikhError' },
        SpanStatusCode.ERROR,
      ],
      [{ 'sheikh.release.from': '0.1.0', 'sheikh.release.to': '0.1.2' }, SpanStatusCode.UNSET],
    ])
  })
})

describe('the channels', () => {
  it('give the same object at the start and at the end', async () => {
    const starts = heard<RequestEvent>('sheikh-freemium:request:start')
    const ends = heard<RequestEvent>('sheikh-freemium:request:end')
    const batches = heard<BatchEvent>('sheikh-freemium:batch:start')
    const { handler } = await handlerOf({ basePath: '/models' })
    const answer = await handler(post('/models/v1/predict', { inputs: ['apple'] }, { 'x-tenant': 'seven' }))
    expect(starts).toEqual([
      {
        id: answer.headers.get('sheikh-prediction'),
        ...{ method: 'POST', path: '/models/v1/predict', route: '/models/v1/predict', protocol: 'sheikh' },
        release: { version: handler.release.version, bundle: handler.release.bundle },
        header: expect.any(Function),
        status: 200,
      },
    ])
    expect([ends[0] === starts[0], batches[0]!.requests[0] === starts[0]]).toEqual([true, true])
    expect(starts[0]!.header('x-tenant')).toBe('seven')
  })

  it('name the request of a text that the model predicts instead of generating it', async () => {
    const batches = heard<BatchEvent>('sheikh-freemium:batch:end')
    const ends = heard<RequestEvent>('sheikh-freemium:request:end')
    const model = await releasedModel(async (inputs) => inputs.map(() => ok))
    const { handler } = await handlerOf({ smokeInputs: [] }, model)
    expect((await handler(post('/v1/completions', { model: 'model', prompt: 'a' }))).status).toBe(200)
    expect(batches.map(({ requests }) => requests)).toEqual([ends])
  })

  it('cost nothing without subscribers', () => {
    const begun = beginRequest(() => {
      throw new Error('an event that nobody reads')
    })
    expect(begun).toBeUndefined()
  })

  it('may get subscribers during a request', async () => {
    const { timer, move } = handTimer()
    const { handler } = await timedHandler(timer, {}, await releasedModel(async (inputs) => inputs.map(() => ok)))
    const asked = handler(post('/v1/predict', { inputs: ['a'] }))
    await settled()
    const batches = heard<BatchEvent>('sheikh-freemium:batch:start')
    const { others } = traced()
    await move(0)
    expect((await asked).status).toBe(200)
    expect([batches[0]!.requests, others().length]).toEqual([[], 1])
  })
})
