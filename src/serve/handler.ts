import { type CallContext, callContext, messageOf } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import { answerRequests } from './answer-requests.js'
import { systemTimer, type Timer } from './batcher.js'
import { bearerCheck } from './bearer.js'
import { driftText } from './drift-text.js'
import { exchangeOf, responseOf } from './exchange.js'
import { openExperiment, placesOf } from './experiment-handler.js'
import { countExperiment } from './experiment-metrics.js'
import { stopped } from './fault.js'
import { type FeedbackDesk, openDesk } from './feedback/feedback-desk.js'
import { followChannel } from './follow-channel.js'
import type { Metrics } from './handler-metrics.js'
import { createMetrics, loadMetricsClient, uncounted } from './metrics.js'
import { answerDirectly } from './node-listener.js'
import type { FeatureLookUp } from './options.js'
import { checkExperiment, checkFollowing, checkNames, type HandlerOptions, limitsOf, refused } from './options.js'
import { patientRegistry } from './patient-registry.js'
import { refreshProtocol } from './refresh.js'
import { requestsInProgress } from './requests-in-progress.js'
import { openModel, type ServedModel } from './served-model.js'
import { type ServingRelease, type ServingSettings, serveRelease } from './serving-release.js'
import { beginSwap, named, published } from './telemetry.js'
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
   *   ignores its abort is freed 1 s after them. A disposal that takes over 20 s is not waited for. @default 30000
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
  const requests = requestsInProgress(limits, timer)
  const warn = (message: string) => context.log.warn(message)
  const webhook = 'registry' in options ? webhookCheck(options.refreshSecret) : undefined
  const metrics = (shared?.metrics ?? server?.of)?.(() => serving.queued())
  const onLookUp = metrics && ((lookUp: FeatureLookUp) => metrics.lookUp(lookUp))
  const ownDesk =
    options.feedback === undefined || shared !== undefined
      ? undefined
      : await openDesk(options.feedback, server?.desk ?? uncounted, context, timer)
  const desk = shared?.desk ?? ownDesk
  // Last, because a loaded model has to be freed.
  const first = await openModel(options, limits, context, { timer, onLookUp })
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
                const next = await openModel(options, limits, within, { timer, release, onLookUp })
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

  const respond = answerRequests({
    ...{ requests, checkToken, limits, desk, metrics, context, timer },
    serving: () => serving,
    isOpen: () => isOpen,
  })
  const handle = async (request: Request) => responseOf(await respond(exchangeOf(request)))

  async function closeNow(drainMs: number): Promise<void> {
    isOpen = false
    await follower?.stop()
    const cancelTimer = timer.after(drainMs, () => requests.stop())
    await requests.idle()
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
