import { type CallContext, isSheikhError, messageOf } from '../core/index.js'
import type { ReleasedModel } from '../releaser/index.js'
import { createBatcher, queueIsFull, type Timer } from './batcher.js'
import { Fault } from './fault.js'
import type { FeedbackDesk } from './feedback/feedback-desk.js'
import { generateText } from './generate-text.js'
import type { Metrics } from './handler-metrics.js'
import { describeInput } from './input-schema.js'
import type { Schema } from './operation.js'
import type { Limits } from './options.js'
import type { Protocol, Served } from './protocol.js'
import { huggingFace } from './protocols/huggingface.js'
import { mlflow } from './protocols/mlflow.js'
import { native } from './protocols/native.js'
import { openInference } from './protocols/open-inference.js'
import { openAi } from './protocols/openai.js'
import { notSupported } from './protocols/request.js'
import { vllm } from './protocols/vllm.js'
import { routerOf } from './router.js'
import type { ServedModel } from './served-model.js'
import { beginBatch, named, published } from './telemetry.js'

/** What is the same for every release that a handler serves. */
export interface ServingSettings {
  readonly name: string
  readonly basePath: string
  readonly needsToken: boolean
  readonly limits: Limits
  readonly metrics: Metrics | undefined
  /** `/v1/refresh`, if the handler follows a channel. */
  readonly refresh: Protocol | undefined
  readonly desk: FeedbackDesk | undefined
  readonly isReady: () => boolean
  readonly context: CallContext
  readonly timer: Timer
}

/** A release while it answers requests: its model, its batches and its paths. */
export interface ServingRelease {
  readonly release: ReleasedModel<never>['release']
  /** All paths. */
  readonly protocols: readonly Protocol[]
  readonly find: ReturnType<typeof routerOf>
  readonly queued: () => number
  /** Counts a request in. @returns a function that counts it out. */
  enter(): () => void
  /** Waits for its requests, and frees a model that the handler loaded. */
  retire(): Promise<void>
}

/** A worker that restarts pauses for up to 10 s before it ends. */
const disposeLimitMs = 20_000

/** @returns false if the disposal takes too long. */
async function freed(dispose: () => Promise<void>, timer: Timer): Promise<boolean> {
  let cancel = () => {}
  const late = new Promise<boolean>((resolve) => {
    cancel = timer.after(disposeLimitMs, () => resolve(false))
  })
  try {
    return await Promise.race([dispose().then(() => true), late])
  } finally {
    cancel()
  }
}

export function serveRelease<I>(
  { model, inputSchema, checkInputs, kind: first, dispose }: ServedModel<I>,
  settings: ServingSettings,
): ServingRelease {
  const { name, basePath, needsToken, limits, metrics, desk, refresh, isReady, context, timer } = settings
  const { release } = model
  let kind = first
  /** Texts that are generated or wait for it. */
  let generating = 0
  let requests = 0
  let whenIdle = () => {}
  const batcher = createBatcher<I>({
    ...limits,
    timer,
    predict: (inputs, signal, requests) =>
      published(
        beginBatch(() => ({ size: inputs.length, requests, release: named(release) })),
        () => model.predict(inputs, { ...context, signal }),
      ),
    onBatch: (size) => metrics?.batch(size),
  })
  const described = describeInput(inputSchema as Schema)
  const served: Served = {
    name,
    basePath,
    needsToken,
    release,
    labels: model.labels,
    kind: () => kind,
    inputSchema: described.schema,
    components: described.components,
    limits,
    loadedAtMs: context.clock.nowMs(),
    nowMs: () => context.clock.nowMs(),
    isReady,
    canGenerate: model.generate !== undefined,
    canChat: model.chatPrompt !== undefined,
    async predict(inputs, { signal, remember, event }) {
      const predictions = await batcher.submit(await checkInputs(inputs), signal, event)
      kind = predictions[0]?.kind ?? kind
      remember(inputs, predictions)
      return predictions
    },
    async *generate(prompt, options, { signal, event }) {
      if (generating >= limits.maximumQueue) throw queueIsFull('texts', generating)
      generating += 1
      try {
        yield* generateText(model, prompt, options, {
          checkInputs,
          predict: (inputs) => batcher.submit(inputs, signal, event),
          context: { ...context, signal },
        })
      } finally {
        generating -= 1
      }
    },
    async chatPrompt(messages) {
      if (model.chatPrompt === undefined)
        throw notSupported('the release has no chat template', 'Use POST /v1/completions')
      try {
        return await model.chatPrompt(messages)
      } catch (error) {
        throw isSheikhError(error, 'template-invalid') ? new Fault('invalid-input', messageOf(error)) : error
      }
    },
  }
  const others = [huggingFace, vllm, openAi, openInference, mlflow].map((protocol) => protocol(served))
  const more = [metrics?.protocol, desk?.protocol(served), refresh].filter((protocol) => protocol !== undefined)
  const protocols: readonly [Protocol, ...Protocol[]] = [native(served, () => protocols), ...others, ...more]
  return {
    release,
    protocols,
    find: routerOf(protocols, basePath),
    queued: () => batcher.queued,
    enter() {
      requests += 1
      return () => {
        requests -= 1
        if (requests === 0) whenIdle()
      }
    },
    async retire() {
      if (requests > 0)
        await new Promise<void>((resolve) => {
          whenIdle = resolve
        })
      if (!(await batcher.stop()))
        context.log.warn(
          `Freeing the release ${release.version} while its model predicts, because the model did not end within 1 s after its abort. Let it heed its signal.`,
        )
      // A model that cannot be freed must not hold a server that stops.
      const isFreed = await freed(dispose, timer)
      if (!isFreed)
        context.log.warn(
          `The model of the release ${release.version} is not freed after ${disposeLimitMs / 1000} s. Let its disposal end.`,
        )
    },
  }
}
