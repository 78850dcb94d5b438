import { type CallContext, createRunId, type JsonObject, messageOf } from '../../core/index.js'
import { compileJsonSchema, type JsonSchema } from '../../dataset/index.js'
import { type FeedbackContent, type LoggedPrediction, pseudonyms } from '../../feedback/index.js'
import type { Timer } from '../batcher.js'
import { Fault } from '../fault.js'
import { inJson } from '../operation.js'
import type { Call, Protocol, Served } from '../protocol.js'
import { type AnswerLog, createAnswerLog, type LogOutcome, type PlaceOf, redactedText } from './answer-log.js'
import { feedbackLimitsOf, type ServeFeedback } from './feedback-options.js'
import { feedbackBody, feedbackResponse, feedbackSchema } from './feedback-schema.js'
import { hourlyLimit } from './hourly-limit.js'

export type FeedbackOutcome = 'added' | 'known' | 'refused'

/** Where a handler keeps answers and takes feedback about them. */
export interface FeedbackDesk {
  readonly log: AnswerLog
  /** The route `/v1/feedback`. */
  readonly protocol: (served: Served) => Protocol
}

export interface DeskEvents {
  /** @param version of the release that answered. */
  readonly onAnswers: (outcome: LogOutcome, count: number, version: string) => void
  /** @param version of the release whose answer it is about; `undefined` if no such answer is known. */
  readonly onFeedback: (
    kind: FeedbackContent['kind'] | 'unknown',
    outcome: FeedbackOutcome,
    version: string | undefined,
  ) => void
}

interface Body {
  readonly prediction: string
  readonly index?: number
  readonly id?: string
  readonly source?: string
  readonly thumb?: 'up' | 'down'
  readonly correction?: string | number
  readonly rating?: number
  readonly text?: string
}

/**
 * @param placeOf finds the live test that an answer belongs to.
 * @throws `invalid-options`.
 */
export async function openDesk(
  options: ServeFeedback,
  { onAnswers, onFeedback }: DeskEvents,
  context: CallContext,
  timer: Timer,
  placeOf?: PlaceOf,
): Promise<FeedbackDesk> {
  const { store, redact } = options
  const limits = feedbackLimitsOf(options)
  const log = createAnswerLog({ options, limits, onOutcome: onAnswers, placeOf, context, timer })
  const check = await compileJsonSchema('of feedback', feedbackSchema as unknown as JsonSchema, context)
  const takeOne = hourlyLimit(limits.maximumPerSource, limits.maximumInTotal, timer)
  let naming: ReturnType<typeof pseudonyms> | undefined

  async function sourceOf({ request }: Call, named: string | undefined): Promise<string> {
    naming ??= pseudonyms(store, context)
    const nameOf = await naming.catch((error: unknown) => {
      naming = undefined
      throw error
    })
    if (options.source === undefined) return nameOf('token', tokenOf(request.header('authorization')), named ?? '')
    if (named !== undefined)
      throw invalid('the server determines the source of feedback, so a body cannot name it. Remove "source"')
    return nameOf('host', options.source(request) ?? '')
  }

  /** @param found called with the answer that the feedback is about. */
  async function add(
    call: Call,
    body: Body,
    served: Served,
    found: (about: LoggedPrediction) => void,
  ): Promise<JsonObject> {
    const source = await sourceOf(call, body.source)
    const waitMs = takeOne(source)
    if (waitMs !== undefined)
      throw new Fault(
        'overloaded',
        'Cannot take the feedback: the source, or all sources together, sent the maximum of this hour. Try again later.',
        { 'retry-after': `${Math.ceil(waitMs / 1000)}` },
      )
    const within = { ...context, signal: call.signal }
    const about = await log.prediction(`${body.prediction}/${body.index ?? 0}`, within)
    if (about === undefined)
      throw new Fault(
        'not-found',
        'Cannot take the feedback: no answer with this id and index is kept. Send the id from the header sheikh-prediction. An answer is not kept without consent, and can be erased.',
      )
    found(about)
    const content = contentOf(body, about, served.labels)
    const kept = redact === undefined ? content : redactedContent(redact, content, about)
    // With the source: nobody can use up the ids of others, or of answers.
    const id = `${source}:${body.id ?? createRunId(context.clock.nowMs())}`
    // Feedback is never there without the answer that it is about.
    await log.flush()
    const timeMs = context.clock.nowMs()
    const added = await store.append(
      [{ kind: 'feedback', id, prediction: about.id, timeMs, source, content: kept }],
      within,
    )
    return { id, status: added === 1 ? 'added' : 'known' }
  }

  return {
    log,
    protocol: (served) => ({
      name: 'feedback',
      routes: [
        {
          method: 'POST',
          path: '/v1/feedback',
          operation: () => ({
            id: 'feedback',
            request: feedbackBody,
            answers: { 200: inJson('The feedback is kept.', feedbackResponse) },
          }),
          async answer(call) {
            const checked = check(call.body)
            if ('problems' in checked) {
              onFeedback('unknown', 'refused', undefined)
              throw invalid(checked.problems.join('; ').slice(0, 1000))
            }
            const body = call.body as unknown as Body
            const kind = kindOf(body)
            let version: string | undefined
            try {
              const json = await add(call, body, served, ({ release }) => {
                version = release.version
              })
              onFeedback(kind, json['status'] as FeedbackOutcome, version)
              return { json }
            } catch (error) {
              onFeedback(kind, 'refused', version)
              if (error instanceof Fault) throw error
              call.signal.throwIfAborted()
              context.log.warn(`Cannot keep feedback: ${messageOf(error)}`)
              throw new Fault('not-kept', 'Cannot keep the feedback: the store failed. Send it again later.', {
                'retry-after': '10',
              })
            }
          },
        },
      ],
    }),
  }
}

const kinds = ['thumb', 'correction', 'rating', 'text'] as const

const kindOf = (body: Body): FeedbackContent['kind'] => kinds.find((kind) => body[kind] !== undefined)!

/** @throws `Fault` if the answer cannot be what the correction says. */
function contentOf(body: Body, about: LoggedPrediction, labels: readonly string[] | undefined): FeedbackContent {
  if (body.thumb !== undefined) return { kind: 'thumb', isUp: body.thumb === 'up' }
  if (body.rating !== undefined) return { kind: 'rating', score: body.rating }
  if (body.text !== undefined) return { kind: 'text', text: body.text }
  const target = body.correction!
  const { prediction } = about
  if (prediction.kind === 'vector') throw invalid('a vector cannot be corrected. Send a rating')
  const needed = prediction.kind === 'number' ? 'number' : 'string'
  if (typeof target !== needed)
    throw invalid(`the answer was a ${prediction.kind}, so the correction must be a ${needed}`)
  if (prediction.kind === 'label') {
    // Those of the release that answered, which may not be the one that answers now.
    const known = prediction.probabilities === undefined ? labels : Object.keys(prediction.probabilities)
    if (known !== undefined && !known.includes(target as string))
      throw invalid(
        `the release has no label ${JSON.stringify(String(target).slice(0, 100))}. Its labels: ${known.slice(0, 100).join(', ')}`,
      )
  }
  return { kind: 'correction', target }
}

const tokenOf = (authorization: string | undefined) => /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''

/** A label that corrects a label is one of the release's own. Other texts are what somebody wrote. */
function redactedContent(
  redact: NonNullable<ServeFeedback['redact']>,
  content: FeedbackContent,
  { prediction }: LoggedPrediction,
): FeedbackContent {
  if (content.kind === 'text') return { ...content, text: redactedText(redact, content.text) }
  if (content.kind !== 'correction' || typeof content.target !== 'string' || prediction.kind !== 'text') return content
  return { ...content, target: redactedText(redact, content.target) }
}

const invalid = (fact: string) =>
  new Fault('invalid-input', `Cannot take the feedback: ${fact}. The schema of requests is in /openapi.json.`)
