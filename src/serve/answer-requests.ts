import { type CallContext, createRunId, type Json, untilAborted } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import type { Release } from '../releaser/index.js'
import type { Timer } from './batcher.js'
import type { CheckToken } from './bearer.js'
import type { Exchange, Reply, Respond } from './exchange.js'
import { type Fault, type FaultCode, stopped, toFault } from './fault.js'
import type { FeedbackDesk } from './feedback/feedback-desk.js'
import type { Metrics } from './handler-metrics.js'
import type { Limits } from './options.js'
import type { Answer, Call } from './protocol.js'
import { readBody } from './read-body.js'
import type { RequestsInProgress } from './requests-in-progress.js'
import type { Found } from './router.js'
import type { ServingRelease } from './serving-release.js'
import { streamed } from './streamed.js'
import { beginRequest, named, type RequestEvent } from './telemetry.js'

/** What requests need of their handler. */
export interface Answering {
  /** The release that answers the next request. */
  readonly serving: () => ServingRelease
  /** Whether requests are accepted. */
  readonly isOpen: () => boolean
  readonly requests: RequestsInProgress
  /** @throws `Fault` if the token is wrong. */
  readonly checkToken: CheckToken
  readonly limits: Limits
  readonly desk: FeedbackDesk | undefined
  readonly metrics: Metrics | undefined
  readonly context: CallContext
  readonly timer: Timer
}

/** Returns a function that answers requests: finds the path, checks the token and the limits, and reports faults. */
export function answerRequests(answering: Answering): Respond {
  const { serving, isOpen, requests, checkToken, limits, desk, metrics, context, timer } = answering
  const warn = (message: string) => context.log.warn(message)

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
    if (!isOpen()) throw stopped()
    const request = requests.begin(exchange)
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

  return async (exchange) => {
    const id = createRunId(context.clock.nowMs())
    const startMs = timer.nowMs()
    const { release, find, enter } = serving()
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
        ...(!isOpen() && { connection: 'close' }),
        ...headers,
      },
    }
  }
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
