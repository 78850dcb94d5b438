import { type CallContext, callContext, createRunId, type Json, messageOf, untilAborted } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import type { Release } from '../releaser/index.js'
import { systemTimer, type Timer } from './batcher.js'
import { bearerCheck } from './bearer.js'
import { driftText } from './drift-text.js'
import { type Exchange, exchangeOf, type Reply, responseOf } from './exchange.js'
import { openExperiment, placesOf } from './experiment-handler.js'
import { countExperiment } from './experiment-metrics.js'
import { Fault, type FaultCode, stopped, toFault } from './fault.js'
import { type FeedbackDesk, openDesk } from './feedback/feedback-desk.js'
import { followChannel } from './follow-channel.js'
import type { Metrics } from './handler-metrics.js'
import { createMetrics, loadMetricsClient, uncounted } from './metrics.js'
import { answerDirectly } from './node-listener.js'
import { checkExperiment, checkFollowing, checkNames, type HandlerOptions, limitsOf, refused } from './options.js'
import { patientRegistry } from './patient-registry.js'
import type { Answer, Call } from './protocol.js'
import { readBody } from './read-body.js'
import { refreshProtocol } from './refresh.js'
import type { Found } from './router.js'
import { openModel, type ServedModel } from './served-model.js'
import { type ServingRelease, type ServingSettings, serveRelease } from './serving-release.js'
import { type InProgress, streamed } from './streamed.js'
import { beginRequest, beginSwap, named, published, type RequestEvent } from './telemetry.js'
import { webhookCheck } from './webhook-check.js'

/** Answers requests with the predictions of a release. Disposing it is the same as `close()`. */
export interface PredictionHandler extends AsyncDisposable {
  (request: Request): Promise<Response>
  /** The release that answers the next request. */
  readonly release: Release
  /**
   * Accepts no more requests, waits for those in progress, and frees a model that the handler loaded.
   *
   * @param drainMs how long requests may take to end; later they are answered with 503, and a model that
   *   ignores its abort is freed 1 s after them. @default 30000
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
  return openHandlers(options, callContext(parts), systemTimer)
}

/** `createHandler` with a timer that tests control: of one release, or of the two of a live test. */
export async function openHandlers<I>(
  options: HandlerOptions<I>,
  context: CallContext,
  timer: Timer,
): Promise<PredictionHandler> {
  const { experiment, ...others } = options
  if (experiment === undefined) return openHandler(options, context, timer)
  checkExperiment(options)
  const { feedback } = options
  const { control, treatment } = experiment.test.state
  const metrics = await metricsOf(options, context, { control, treatment })
  // One for both: feedback about an answer of one variant may come with a request that the other one gets.
  const desk = feedback && (await openDesk(feedback, metrics?.desk ?? uncounted, context, timer, placesOf(experiment)))
  const open = (variant: 'control' | 'treatment') =>
    openHandler({ ...others, version: experiment.test.state[variant] } as HandlerOptions<I>, context, timer, {
      desk,
      metrics: metrics && ((queued) => metrics.of(queued, variant)),
    })
  const counted = metrics && countExperiment(metrics, experiment.test)
  return openExperiment(experiment, { open, afterClose: async () => desk?.log.close(), ...counted }, context, timer)
}

async function metricsOf<I>(
  { metrics, drift }: HandlerOptions<I>,
  context: CallContext,
  variants?: { readonly control: string; readonly treatment: string },
) {
  if (metrics === true)
    return createMetrics(await loadMetricsClient(), { variants, more: drift && driftText(drift, context) })
  if (drift !== undefined) throw refused('"drift" is given without "metrics"', 'It is shown at /metrics. Add "metrics"')
  return undefined
}

/** What the two handlers of a live test have in common. */
interface Shared {
  /** Where answers are kept. The caller closes it. */
  readonly desk: FeedbackDesk | undefined
  readonly metrics: ((queued: () => number) => Metrics) | undefined
}

/** A handler of one release, with a timer that tests control. */
export async function openHandler<I>(
  options: HandlerOptions<I>,
  context: CallContext,
  timer: Timer,
  shared?: Shared,
): Promise<PredictionHandler> {
  const { name = 'model', basePath = '' } = options
  checkNames(name, basePath)
  if ('registry' in options) checkFollowing(options)
  const limits = limitsOf(options)
  const checkToken = bearerCheck(options.token)
  const server = shared === undefined ? await metricsOf(options, context) : undefined
  let isOpen = true
  let inProgress = 0
  let whenIdle = () => {}
  /** Ends the requests in progress. */
  const stops = new Set<() => void>()
  const warn = (message: string) => context.log.warn(message)
  const webhook = 'registry' in options ? webhookCheck(options.refreshSecret) : undefined
  const metrics = (shared?.metrics ?? server?.of)?.(() => serving.queued())
  const ownDesk =
    options.feedback === undefined || shared !== undefined
      ? undefined
      : await openDesk(options.feedback, server?.desk ?? uncounted, context, timer)
  const desk = shared?.desk ?? ownDesk
  // Last, because a loaded model has to be freed.
  const first = await openModel(options, limits, context, { timer })
  const retiring = new Set<Promise<void>>()
  const follower =
    'registry' in options && options.version === undefined
      ? followChannel(
          {
            registry: patientRegistry(options.registry, timer),
            channel: options.channel ?? 'latest',
            everyMs: options.pollMs,
            current: () => serving.release,
            async switchTo(release, within) {
              const swap = beginSwap(() => ({ from: named(serving.release), to: named(release) }))
              await published(swap, async () => {
                const next = await openModel(options, limits, within, { timer, release })
                if (isOpen) return switchFrom(next)
                await next.dispose()
                throw stopped()
              })
            },
          },
          context,
          timer,
        )
      : undefined
  const settings: ServingSettings = {
    ...{ name, basePath, limits, metrics, desk, context, timer },
    needsToken: options.token !== undefined,
    isReady: () => isOpen,
    refresh:
      follower && refreshProtocol({ follower, webhook, current: () => serving.release, isOpen: () => isOpen, timer }),
  }
  let serving: ServingRelease = serveRelease(first, settings)
  metrics?.serves(serving.release)

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

  /** Counts a request in, and limits its time. @throws `Fault` if there are too many. */
  function begin({ signal: leaving }: Exchange): InProgress & { hasRead(): void } {
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
    const limit = () => timer.after(limits.timeoutMs, () => ending.abort(late()))
    let cancelTimer = limit()
    const close = () => ending.abort(new Fault('client-closed', 'The client closed the connection.'))
    const stop = () => ending.abort(stopped())
    leaving.addEventListener('abort', close)
    stops.add(stop)
    if (leaving.aborted) close()
    return {
      signal: ending.signal,
      hasRead() {
        isRead = true
      },
      restart() {
        cancelTimer()
        cancelTimer = limit()
      },
      end() {
        cancelTimer()
        leaving.removeEventListener('abort', close)
        stops.delete(stop)
        inProgress -= 1
        if (inProgress === 0) whenIdle()
      },
    }
  }

  /** @param ended called once, when the last part of the answer is sent or the request has failed. */
  async function answer(
    exchange: Exchange,
    { route }: Found,
    {
      id,
      release,
      event,
    }: { readonly id: string; readonly release: Release; readonly event?: RequestEvent | undefined },
    ended: Ended,
  ): Promise<Content> {
    if (route.isHealth === true) {
      const { signal } = exchange
      const content = contentOf(await route.answer({ id, body: null, signal, request: exchange, remember() {} }))
      ended(content.status)
      return content
    }
    // Without a token, a secret still protects its path.
    if (route.webhook?.isSigned(exchange) !== true)
      checkToken(exchange.header('authorization'), route.webhook !== undefined)
    if (!isOpen) throw stopped()
    const request = begin(exchange)
    let isStreaming = false
    try {
      const { signal } = request
      const body = await readBody(exchange, route, { maximumBytes: limits.maximumBodyBytes, signal })
      request.hasRead()
      const given: { readonly inputs: readonly Json[]; readonly predictions: readonly Prediction[] }[] = []
      const keep = (of: (typeof given)[number]) => desk?.log.remember({ id, request: exchange, release, ...of })
      const remember: Call['remember'] = (inputs, predictions) => {
        // The last part of a stream is not sent yet.
        if (isStreaming) keep({ inputs, predictions })
        else given.push({ inputs, predictions })
      }
      const call = { id, body, signal, request: exchange, remember, event }
      const answered = await untilAborted(route.answer(call), signal)
      const content = contentOf(answered)
      if (!('parts' in answered)) {
        // Before the answer is sent: the client may send feedback at once.
        given.forEach(keep)
        ended(content.status)
        return content
      }
      let { status } = content
      let errorCode: FaultCode | undefined
      const end = () => {
        request.end()
        ended(status, errorCode)
      }
      const text = await streamed(
        answered.parts,
        { ...request, end },
        {
          failed(error) {
            const fault = toFault(error, warn)
            status = fault.status
            errorCode = fault.code
            return answered.failed(fault)
          },
          onStuck: () =>
            warn(
              `A text of the release ${release.version} did not end within 1 s after its request. Let the model's "generate" heed its signal.`,
            ),
          timer,
        },
      )
      isStreaming = true
      return { ...content, text }
    } finally {
      if (!isStreaming) request.end()
    }
  }

  async function respond(exchange: Exchange): Promise<Reply> {
    const id = createRunId(context.clock.nowMs())
    const startMs = timer.nowMs()
    const { release, find, enter } = serving
    const leave = enter()
    const found = find(exchange)
    const begun = beginRequest(() => {
      const { method, path, header } = exchange
      const known = found.route.path !== '' && { route: path }
      return { id, method, path, ...known, protocol: found.protocol.name, release: named(release), header }
    })
    const ended: Ended = (status, errorCode) => {
      leave()
      begun?.end({ status, ...(errorCode !== undefined && { errorCode }) })
      metrics?.request(found.protocol.name, status, timer.nowMs() - startMs)
    }
    let headers: Readonly<Record<string, string>> = {}
    let content: Content
    try {
      content = await answer(exchange, found, { id, release, event: begun?.event }, ended)
    } catch (error) {
      const fault = toFault(error, warn)
      headers = fault.headers
      content = contentOf({
        json: found.protocol.refusal?.body(fault) ?? ownErrorBody(fault),
        status: fault.status,
      })
      ended(fault.status, fault.code)
    }
    return {
      status: content.status,
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

  const handle = async (request: Request) => responseOf(await respond(exchangeOf(request)))

  async function closeNow(drainMs: number): Promise<void> {
    isOpen = false
    await follower?.stop()
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve
      if (inProgress === 0) resolve()
    })
    const cancelTimer = timer.after(drainMs, () => {
      for (const stop of [...stops]) stop()
    })
    await idle
    cancelTimer()
    try {
      await Promise.all([...retiring, serving.retire()])
    } finally {
      // Also if the model cannot be freed: answers wait to be written.
      await ownDesk?.log.close()
    }
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

type Ended = (status: number, errorCode?: FaultCode) => void

interface Content {
  readonly status: number
  readonly text: Reply['body']
  readonly type: string
}

function contentOf(answer: Answer): Content {
  const { status = 200 } = answer
  if ('json' in answer) return { status, text: JSON.stringify(answer.json), type: 'application/json' }
  return { status, text: 'text' in answer ? answer.text : answer.parts, type: answer.type }
}

const ownErrorBody = ({ code, message }: Fault): Json => ({ error: { code, message } })
