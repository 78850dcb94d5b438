import {
  type CallContext,
  callContext,
  canonicalJson,
  digestJson,
  type Json,
  messageOf,
  untilAborted,
} from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import type { FeedbackStore } from '../feedback/index.js'
import { type CompareOptions, compareEvaluations, type Verdict } from '../gate/index.js'
import { answerOf, type Prediction } from '../model/index.js'
import type { ReleasedModel } from '../releaser/index.js'

export interface ShadowOptions<I> {
  /** The release whose answers users get. */
  readonly served: ReleasedModel<I>
  /** The release that answers the same inputs, and nobody sees it. */
  readonly shadow: ReleasedModel<I>
  /** Inputs that wait for the shadow. More are left out, and counted. @default 1000 */
  readonly maximumWaiting?: number | undefined
  /** Different inputs whose answers are kept in memory. More are left out, and counted. @default 100000 */
  readonly maximumKept?: number | undefined
  /** Time of a batch of the shadow, in milliseconds. @default 30000 */
  readonly timeoutMs?: number | undefined
}

export interface ShadowReport {
  readonly served: string
  readonly shadow: string
  /** Different inputs that both releases answered. */
  readonly answered: number
  /** Of those, how many they answered alike. */
  readonly alike: number
  /** Inputs that the shadow failed on, or took too long for. */
  readonly failed: number
  /** Inputs that were left out because too many waited or were kept. */
  readonly leftOut: number
  /** Inputs whose true answer is known. */
  readonly labelled: number
  /** The gate's comparison over the labelled inputs, for one look. Absent without any. */
  readonly verdict?: Verdict | undefined
}

export interface Shadow<I> extends AsyncDisposable {
  /** The served model, for `createHandler({ model })` or your own code. Its answers do not wait for the shadow. */
  readonly model: ReleasedModel<I>
  /**
   * Compares both releases with the gate's paired tests on inputs that got a correction. An input counts once, with its
   * first correction.
   *
   * @throws as `compareEvaluations` and `FeedbackStore.read`.
   */
  report(feedback: FeedbackStore, options: CompareOptions, parts?: Partial<CallContext>): Promise<ShadowReport>
  /** Waits until the shadow has answered what waits. */
  settled(): Promise<void>
}

const batchSize = 64

/**
 * Lets a release answer the same inputs as the one that is served. Its answers, failures and delays do not reach users. A
 * model that predicts on the same thread still takes its time from that thread.
 */
export function shadowRelease<I>(options: ShadowOptions<I>, parts: Partial<CallContext> = {}): Shadow<I> {
  const { served, shadow, maximumWaiting = 1000, maximumKept = 100_000, timeoutMs = 30_000 } = options
  const context = callContext(parts)
  const stopping = new AbortController()
  const kept = new Map<string, { readonly served: Prediction; readonly shadow: Prediction }>()
  let waiting: { readonly key: string; readonly input: I; readonly answer: Prediction }[] = []
  let [failed, leftOut] = [0, 0]
  let running: Promise<void> | undefined
  let said: string | undefined

  function observe(inputs: readonly I[], answers: readonly Prediction[]): void {
    for (const [index, input] of inputs.entries()) {
      const key = digestJson(input)
      if (kept.has(key)) continue
      if (waiting.length >= maximumWaiting || kept.size >= maximumKept) leftOut += 1
      else waiting.push({ key, input, answer: answers[index]! })
    }
    if (waiting.length > 0) running ??= drain().finally(() => (running = undefined))
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0 && !stopping.signal.aborted) {
      // Users' requests that are ready come first.
      await new Promise((resolve) => setImmediate(resolve))
      const batch = waiting.slice(0, batchSize)
      waiting = waiting.slice(batchSize)
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)])
      try {
        const inputs = batch.map(({ input }) => input)
        const answers = await untilAborted(shadow.predict(inputs, { ...context, signal }), signal)
        if (answers.length !== batch.length) throw new Error(`${answers.length} answers to ${batch.length} inputs`)
        for (const [index, { key, answer }] of batch.entries())
          kept.set(key, { served: answer, shadow: answers[index]! })
      } catch (error) {
        if (stopping.signal.aborted) return
        failed += batch.length
        const message = `The shadow ${shadow.release.version} cannot answer: ${messageOf(error)}`
        if (message !== said) context.log.warn(message)
        said = message
      }
    }
  }

  return {
    model: {
      ...served,
      async predict(inputs, given) {
        const answers = await served.predict(inputs, given)
        try {
          if (!stopping.signal.aborted) observe(inputs, answers)
        } catch (error) {
          context.log.warn(`The shadow cannot take inputs: ${messageOf(error)}`)
        }
        return answers
      },
    },
    async report(feedback, compare, given = {}) {
      const within = callContext({ ...context, ...given })
      const asked = new Map<string, string>()
      const labelled = new Map<string, Json>()
      for await (const entry of feedback.read({}, within))
        if (entry.kind === 'prediction') asked.set(entry.id, digestJson(entry.input))
        else if (entry.kind === 'feedback' && entry.content.kind === 'correction') {
          const key = asked.get(entry.prediction)
          if (key !== undefined && kept.has(key) && !labelled.has(key)) labelled.set(key, entry.content.target)
        }
      const isAlike = (one: Json, other: Json) => canonicalJson(one) === canonicalJson(other)
      const answers = [...kept.values()]
      const keys = [...labelled.keys()].sort()
      const evaluationOf = (who: 'served' | 'shadow'): Evaluation => {
        const scores = keys.map((key) => +isAlike(labelled.get(key)!, answerOf(kept.get(key)![who]) as Json))
        const value = scores.reduce<number>((sum, score) => sum + score, 0) / scores.length
        return {
          formatVersion: 1,
          modelDigest: { served, shadow }[who].digest,
          evaluationDigest: digestJson(keys),
          ids: keys,
          groups: keys,
          slices: {},
          targets: keys.map((key) => labelled.get(key)!),
          predictions: keys.map((key) => kept.get(key)![who]),
          outcomes: keys.map(() => 'ok' as const),
          metrics: [{ name: 'agreement', direction: 'higher-is-better', kind: 'binary', scores, value }],
        }
      }
      const options = { baselineName: served.release.version, ...compare }
      return {
        served: served.release.version,
        shadow: shadow.release.version,
        answered: answers.length,
        alike: answers.filter((each) => isAlike(answerOf(each.served) as Json, answerOf(each.shadow) as Json)).length,
        ...{ failed, leftOut, labelled: keys.length },
        ...(keys.length > 0 && {
          verdict: await compareEvaluations(evaluationOf('shadow'), evaluationOf('served'), options, within),
        }),
      }
    },
    async settled() {
      while (running !== undefined) await running
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('the shadow stops'))
      await running
    },
  }
}
