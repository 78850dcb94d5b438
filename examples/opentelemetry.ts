// Spans of a server with OpenTelemetry: one per request, batch and change of the release. A file to copy.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { BatchEvent, RequestEvent, SwapEvent } from 'sheikh-freemium/serve'

/** Makes spans with the tracer provider and the propagator that are registered. @returns a function that ends it. */
export function traceServing(): () => void {
  const tracer = trace.getTracer('sheikh-freemium')
  const spans = new WeakMap<object, Span>()
  const contextOf = (event: object) => trace.setSpan(context.active(), spans.get(event)!)
  const end = (event: object, failure?: string) => {
    const span = spans.get(event)
    if (failure !== undefined) span?.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR })
    span?.end()
  }
  // https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
  const startRequest = (event: RequestEvent) => {
    const { method, path, route, header, id, release } = event
    const isKnown = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'].includes(method)
    const attributes = {
      'http.request.method': isKnown ? method : '_OTHER',
      'http.request.method_original': isKnown ? undefined : method,
      'http.route': route,
      'url.path': path,
      'url.scheme': 'http',
      'user_agent.original': header('user-agent'),
      'sheikh.prediction.id': id,
      'sheikh.release.version': release.version,
    }
    const name = [isKnown ? method : 'HTTP', route].filter((part) => part !== undefined).join(' ')
    const caller = propagation.extract(context.active(), header, { get: (from, key) => from(key), keys: () => [] })
    spans.set(event, tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, caller))
  }
  const endRequest = (event: RequestEvent) => {
    const { status = 500, errorCode } = event
    spans.get(event)?.setAttribute('http.response.status_code', status)
    end(event, status >= 500 ? (errorCode ?? String(status)) : undefined)
  }
  // The batch is a child of its first request, and linked to the others.
  const startBatch = (event: BatchEvent) => {
    const [first, ...others] = event.requests.filter((request) => spans.has(request))
    const links = others.map((request) => ({ context: spans.get(request)!.spanContext() }))
    const attributes = { 'sheikh.batch.size': event.size, 'sheikh.release.version': event.release.version }
    const parent = first === undefined ? context.active() : contextOf(first)
    spans.set(event, tracer.startSpan('predict batch', { attributes, links }, parent))
  }
  const startSwap = (event: SwapEvent) => {
    const attributes = { 'sheikh.release.from': event.from.version, 'sheikh.release.to': event.to.version }
    spans.set(event, tracer.startSpan('swap release', { attributes }))
  }
  const endWork = (event: BatchEvent | SwapEvent) =>
    end(event, event.error === undefined ? undefined : nameOf(event.error))

  const listeners = Object.entries({
    'request:start': startRequest,
    'request:end': endRequest,
    'batch:start': startBatch,
    'batch:end': endWork,
    'swap:start': startSwap,
    'swap:end': endWork,
  }).map(([name, listener]) => [`sheikh-freemium:${name}`, listener as (event: unknown) => void] as const)
  for (const [name, listener] of listeners) subscribe(name, listener)
  return () => {
    for (const [name, listener] of listeners) unsubscribe(name, listener)
  }
}

/** Without the message, which may contain text of an input. */
const nameOf = (error: unknown) => (error instanceof Error ? error.name : '_OTHER')
