import { type CallContext, callContext, createRunId, type Json, untilAborted } from '../core/index.js'
import type { JsonSchema } from '../dataset/index.js'
import type { Release } from '../releaser/index.js'
import { createBatcher, systemTimer, type Timer } from './batcher.js'
import { bearerCheck } from './bearer.js'
import { type Exchange, exchangeOf, type Reply } from './exchange.js'
import { Fault, toFault } from './fault.js'
import { inputCheck } from './input-check.js'
import { createMetrics, loadMetricsClient } from './metrics.js'
import { answerDirectly } from './node-listener.js'
import { checkNames, type HandlerOptions, limitsOf } from './options.js'
import type { Answer, Served } from './protocol.js'
import { huggingFace } from './protocols/huggingface.js'
import { mlflow } from './protocols/mlflow.js'
import { native } from './protocols/native.js'
import { openInference } from './protocols/open-inference.js'
import { vllm } from './protocols/vllm.js'
import { readJson } from './read-json.js'
import { type Found, routerOf } from './router.js'
import { openModel } from './served-model.js'

/** Answers requests with the predictions of a release. Disposing it is the same as `close()`. */
export interface PredictionHandler extends AsyncDisposable {
  (request: Request): Promise<Response>
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

const protocols = [huggingFace, vllm, openInference, mlflow]

/** `createHandler` with a timer that tests control. */
export async function openHandler<I>(
  options: HandlerOptions<I>,
  context: CallContext,
  timer: Timer,
): Promise<PredictionHandler> {
  const { name = 'model', basePath = '', inputSchema = { type: 'string' } as JsonSchema } = options
  checkNames(name, basePath)
  const limits = limitsOf(options)
  const checkToken = bearerCheck(options.token)
  const checkInputs = await inputCheck(inputSchema, options.prepare, limits, context)
  const client = options.metrics === true ? await loadMetricsClient() : undefined
  const opened = await openModel(options, context)
  const { model } = opened
  const { release } = model
  let { kind } = opened
  let isOpen = true
  let inProgress = 0
  let whenIdle = () => {}
  /** Ends the requests in progress. */
  const stops = new Set<() => void>()
  const warn = (message: string) => context.log.warn(message)
  const metrics = client === undefined ? undefined : createMetrics(client, release, () => batcher.queued)
  const batcher = createBatcher<I>({
    ...limits,
    timer,
    predict: (inputs, signal) => model.predict(inputs, { ...context, signal }),
    onBatch: (size) => metrics?.batch(size),
  })

  const served: Served = {
    name,
    release,
    labels: model.labels,
    kind: () => kind,
    inputSchema: inputSchema as Json,
    limits,
    loadedAtMs: context.clock.nowMs(),
    nowMs: () => context.clock.nowMs(),
    isReady: () => isOpen,
    async predict(inputs, signal) {
      const predictions = await batcher.submit(await checkInputs(inputs), signal)
      kind = predictions[0]?.kind ?? kind
      return predictions
    },
  }
  const others = protocols.map((protocol) => protocol(served))
  const find = routerOf([native(served), ...others, ...(metrics === undefined ? [] : [metrics.protocol])], basePath)

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
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve
      if (inProgress === 0) resolve()
    })
    const cancelTimer = timer.after(drainMs, () => {
      for (const stop of [...stops]) stop()
    })
    await idle
    cancelTimer()
    await batcher.stop()
    await opened.dispose()
  }
  let closing: Promise<void> | undefined
  const close = (drainMs = 30_000) => {
    closing ??= closeNow(drainMs)
    return closing
  }
  return answerDirectly(Object.assign(handle, { release, close, [Symbol.asyncDispose]: () => close() }), respond)
}

const jsonContent = (value: unknown) => ({ text: JSON.stringify(value), type: 'application/json' })

const ownErrorBody = ({ code, message }: Fault): Json => ({ error: { code, message } })

const stopped = () =>
  new Fault('stopping', 'Cannot answer the request because the server stops. Try again later.', { 'retry-after': '1' })
