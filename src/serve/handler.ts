import { type CallContext, callContext, createRunId, type Json, messageOf, untilAborted } from '../core/index.js'
import type { JsonSchema } from '../dataset/index.js'
import type { Release } from '../releaser/index.js'
import { systemTimer, type Timer } from './batcher.js'
import { bearerCheck } from './bearer.js'
import { type Exchange, exchangeOf, type Reply } from './exchange.js'
import { Fault, stopped, toFault } from './fault.js'
import { followChannel } from './follow-channel.js'
import { inputCheck } from './input-check.js'
import { createMetrics, loadMetricsClient } from './metrics.js'
import { answerDirectly } from './node-listener.js'
import { checkNames, checkPolling, type HandlerOptions, limitsOf } from './options.js'
import type { Answer } from './protocol.js'
import { readJson } from './read-json.js'
import type { Found } from './router.js'
import { openModel, type ServedModel } from './served-model.js'
import { type ServingRelease, serveRelease } from './serving-release.js'

/** Answers requests with the predictions of a release. Disposing it is the same as `close()`. */
export interface PredictionHandler extends AsyncDisposable {
  (request: Request): Promise<Response>
  /** The release that answers the next request. */
  readonly release: Release
  /**
   * Accepts no more requests, waits for those in progress, and frees a model that the handler loaded.
   *
   * @param drainMs how long requests may take to end; later they are answered with 503. @default 30000
   */
  close(drainMs?: number): Promise<void>
}

/**
 * Creates a handler of Web-standard requests: `(request: Request) => Promise<Response>`. It resolves when the model is loaded.
 *
 * @throws `invalid-options`; `missing-peer` if `metrics` need a package; `stage-failed` if the model cannot predict; and
 * as `loadRelease`.
 */
export async function createHandler<I = string>(
  options: HandlerOptions<I>,
  parts: Partial<CallContext> = {},
): Promise<PredictionHandler> {
  return openHandler(options, callContext(parts), systemTimer)
}

/** `createHandler` with a timer that tests control. */
export async function openHandler<I>(
  options: HandlerOptions<I>,
  context: CallContext,
  timer: Timer,
): Promise<PredictionHandler> {
  const { name = 'model', basePath = '', inputSchema = { type: 'string' } as JsonSchema } = options
  checkNames(name, basePath)
  if ('registry' in options) checkPolling(options)
  const limits = limitsOf(options)
  const checkToken = bearerCheck(options.token)
  const checkInputs = await inputCheck(inputSchema, options.prepare, limits, context)
  const client = options.metrics === true ? await loadMetricsClient() : undefined
  let isOpen = true
  let inProgress = 0
  let whenIdle = () => {}
  /** Ends the requests in progress. */
  const stops = new Set<() => void>()
  const warn = (message: string) => context.log.warn(message)
  const first = await openModel(options, context)
  const metrics = client === undefined ? undefined : createMetrics(client, () => serving.queued())
  const settings = {
    ...{ name, basePath, inputSchema, limits, checkInputs, metrics, context, timer },
    needsToken: options.token !== undefined,
    isReady: () => isOpen,
  }
  let serving: ServingRelease = serveRelease(first, settings)
  metrics?.serves(serving.release)
  const retiring = new Set<Promise<void>>()

  /** Between two requests: those that have begun are answered by the release that they began with. */
  function switchFrom(next: ServedModel<I>): void {
    const previous = serving
    serving = serveRelease(next, settings)
    metrics?.serves(serving.release)
    const retired: Promise<void> = previous
      .retire()
      .catch((error: unknown) => warn(`Cannot free the release ${previous.release.version}: ${messageOf(error)}`))
      .finally(() => retiring.delete(retired))
    retiring.add(retired)
  }
  const stopFollowing =
    'registry' in options && options.pollMs !== undefined
      ? followChannel(
          {
            registry: options.registry,
            channel: options.channel ?? 'latest',
            everyMs: options.pollMs,
            current: () => serving.release,
            // By the channel, so that the cache knows its release if the server starts again without the registry.
            switchTo: async (within) => switchFrom(await openModel(options, within)),
          },
          context,
          timer,
        )
      : async () => {}

  async function answer(exchange: Exchange, { route }: Found, id: string): Promise<Answer> {
    if (route.isHealth === true) return route.answer({ id, body: null, signal: exchange.signal })
    checkToken(exchange.header('authorization'))
    if (!isOpen) throw stopped()
    if (inProgress >= limits.maximumConcurrency)
      throw new Fault(
        'overloaded',
        `Cannot accept the request: ${inProgress} requests are in progress. Try again later.`,
        {
          'retry-after': '1',
        },
      )
    inProgress += 1
    const ending = new AbortController()
    let isRead = false
    const late = () =>
      isRead
        ? new Fault(
            'prediction-timeout',
            `Cannot predict within ${limits.timeoutMs} ms. Send fewer inputs, or try again later.`,
          )
        : new Fault('request-timeout', `Cannot read the body: it is incomplete after ${limits.timeoutMs} ms.`)
    const cancelTimer = timer.after(limits.timeoutMs, () => ending.abort(late()))
    const close = () => ending.abort(new Fault('client-closed', 'The client closed the connection.'))
    const stop = () => ending.abort(stopped())
    exchange.signal.addEventListener('abort', close)
    stops.add(stop)
    if (exchange.signal.aborted) close()
    try {
      const { signal } = ending
      const maximumBytes = limits.maximumBodyBytes
      const typeRequired = route.isTypeOptional !== true
      const body = route.method === 'GET' ? null : await readJson(exchange, { maximumBytes, typeRequired, signal })
      isRead = true
      return await untilAborted(route.answer({ id, body, signal }), signal)
    } finally {
      cancelTimer()
      exchange.signal.removeEventListener('abort', close)
      stops.delete(stop)
      inProgress -= 1
      if (inProgress === 0) whenIdle()
    }
  }

  async function respond(exchange: Exchange): Promise<Reply> {
    const id = createRunId(context.clock.nowMs())
    const startMs = timer.nowMs()
    const { release, find, enter } = serving
    const leave = enter()
    const found = find(exchange)
    let status = 200
    let headers: Readonly<Record<string, string>> = {}
    let content: { readonly text: string; readonly type: string }
    try {
      const answered = await answer(exchange, found, id)
      content = 'json' in answered ? jsonContent(answered.json) : answered
      status = answered.status ?? 200
    } catch (error) {
      const fault = toFault(error, warn)
      content = jsonContent(found.protocol.errorBody?.(fault) ?? ownErrorBody(fault))
      ;({ status, headers } = fault)
    } finally {
      leave()
    }
    metrics?.request(found.protocol.name, status, timer.nowMs() - startMs)
    return {
      status,
      body: content.text,
      headers: {
        'content-type': content.type,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'sheikh-release': release.version,
        'sheikh-bundle': release.bundle,
        'sheikh-prediction': id,
        ...(!isOpen && { connection: 'close' }),
        ...headers,
      },
    }
  }

  async function handle(request: Request): Promise<Response> {
    const { body, ...init } = await respond(exchangeOf(request))
    return new Response(body, init)
  }

  async function closeNow(drainMs: number): Promise<void> {
    isOpen = false
    await stopFollowing()
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve
      if (inProgress === 0) resolve()
    })
    const cancelTimer = timer.after(drainMs, () => {
      for (const stop of [...stops]) stop()
    })
    await idle
    cancelTimer()
    await Promise.all([...retiring, serving.retire()])
  }
  let closing: Promise<void> | undefined
  const close = (drainMs = 30_000) => {
    closing ??= closeNow(drainMs)
    return closing
  }
  const members = { release: serving.release, close, [Symbol.asyncDispose]: () => close() }
  const handler = Object.assign(handle, members)
  return answerDirectly(Object.defineProperty(handler, 'release', { get: () => serving.release }), respond)
}

const jsonContent = (value: unknown) => ({ text: JSON.stringify(value), type: 'application/json' })

const ownErrorBody = ({ code, message }: Fault): Json => ({ error: { code, message } })
