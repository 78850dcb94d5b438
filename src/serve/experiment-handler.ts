import { type CallContext, messageOf } from '../core/index.js'
import type { AbTest, ExperimentReport } from '../experiment/index.js'
import type { Timer } from './batcher.js'
import { exchangeOf, type Respond, responseOf } from './exchange.js'
import type { PlaceOf } from './feedback/answer-log.js'
import type { PredictionHandler } from './handler.js'
import { answerDirectly, respondOf } from './node-listener.js'
import { refused } from './options.js'

/** What tells whose request it is. */
export interface UnitRequest {
  /** Without the query. */
  readonly path: string
  /** @param name in lower case. */
  readonly header: (name: string) => string | undefined
}

/** Divides requests between the two releases of a live test. */
export interface ServeExperiment {
  readonly test: AbTest
  /**
   * Who or what always gets the same release: the name of a header, or a function. Requests without a unit get the control
   * and are not in the test. Only a pseudonym is kept. @default 'sheikh-unit'
   */
  readonly unit?: string | ((request: UnitRequest) => string | undefined) | undefined
  /** How often the results are read and acted on, in milliseconds. @default 60000 */
  readonly checkMs?: number | undefined
}

type Variant = 'control' | 'treatment'

function unitOf({ unit = 'sheikh-unit' }: ServeExperiment, request: UnitRequest): string | undefined {
  const named = typeof unit === 'string' ? request.header(unit.toLowerCase()) : unit(request)
  if (named === undefined || named === '') return undefined
  // Such as a promise: all units would be one.
  if (typeof named !== 'string') throw new Error('the function "unit" returned no text')
  return named
}

/** Finds the unit and the variant of an answer. An answer of a release that its unit no longer gets has none. */
export const placesOf =
  (experiment: ServeExperiment): PlaceOf =>
  (request, { version }) => {
    const named = unitOf(experiment, request)
    const assigned = named === undefined ? undefined : experiment.test.assign(named)
    return assigned?.version === version ? assigned.place : undefined
  }

export interface VariantHandlers {
  readonly open: (variant: Variant) => Promise<PredictionHandler>
  /** Called when both are closed. */
  readonly afterClose: () => Promise<void>
  /** Called after each check; without a report if it failed. */
  readonly onCheck?: ((report?: ExperimentReport) => void) | undefined
}

/** Opens a handler per variant and gives each request to the one of its unit. */
export async function openExperiment(
  experiment: ServeExperiment,
  { open, afterClose, onCheck }: VariantHandlers,
  context: CallContext,
  timer: Timer,
): Promise<PredictionHandler> {
  const { test, checkMs = 60_000 } = experiment
  if (!Number.isInteger(checkMs) || checkMs < 100 || checkMs > 2 ** 31 - 1)
    throw refused(`"checkMs" is ${checkMs}`, 'Choose a whole number of milliseconds from 100')
  const control = await open('control')
  const treatment = await open('treatment').catch(async (error: unknown) => {
    await control.close()
    throw error
  })
  const handlers = { control, treatment }
  const responding = { control: respondOf(control), treatment: respondOf(treatment) }
  /** For requests outside the test: the control, or after its end what everybody gets. */
  const usual = (): Variant => (test.state.share === 1 ? 'treatment' : 'control')
  const logging = new Set<Promise<unknown>>()
  let isOpen = true
  let hasFailed = false

  /** A function of the host that fails must not fail requests, such as those for health. */
  function knownUnit(request: UnitRequest): string | undefined {
    try {
      return unitOf(experiment, request)
    } catch (error) {
      if (!hasFailed)
        context.log.warn(
          `Cannot tell whose requests these are, so they get what requests without a unit get: ${messageOf(error)}`,
        )
      hasFailed = true
      return undefined
    }
  }

  const respond: Respond = async (exchange) => {
    const named = knownUnit(exchange)
    const variant = named === undefined ? usual() : test.assign(named).variant
    const reply = await responding[variant](exchange)
    if (named === undefined) return reply
    // A request that the client got wrong shows nothing of a variant, nor does feedback. One that failed here does.
    const isShown = exchange.method === 'POST' && !exchange.path.endsWith('/v1/feedback')
    if (isShown && (reply.status < 400 || reply.status >= 500)) {
      const logged = test.expose(named).finally(() => logging.delete(logged))
      logging.add(logged)
    }
    return { ...reply, headers: { ...reply.headers, 'sheikh-variant': variant } }
  }

  let checking: Promise<void> = Promise.resolve()
  let cancel = () => {}
  const wait = () => {
    cancel = timer.after(
      checkMs,
      () => {
        checking = test.check().then(onCheck, (error: unknown) => {
          onCheck?.()
          context.log.warn(`Cannot check the live test ${test.state.name}: ${messageOf(error)}`)
        })
        void checking.then(() => {
          if (isOpen) wait()
        })
      },
      { keepsAlive: false },
    )
  }
  wait()

  const close = async (drainMs?: number) => {
    isOpen = false
    cancel()
    const closed = await Promise.allSettled([control.close(drainMs), treatment.close(drainMs), checking])
    await Promise.all(logging)
    await afterClose()
    for (const one of closed) if (one.status === 'rejected') throw one.reason
  }
  const handle = async (request: Request) => responseOf(await respond(exchangeOf(request)))
  const members = { release: control.release, close, [Symbol.asyncDispose]: () => close() }
  const handler = Object.defineProperty(Object.assign(handle, members), 'release', {
    get: () => handlers[usual()].release,
  })
  return answerDirectly(handler, respond)
}
