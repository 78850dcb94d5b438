import { channel } from 'node:diagnostics_channel'
import type { Release } from '../releaser/index.js'

/** The release of an event. */
export type EventRelease = Pick<Release, 'version' | 'bundle'>

/**
 * A request, on the channels `sheikh-freemium:request:start` and `sheikh-freemium:request:end`. Both get the same object.
 */
export interface RequestEvent {
  /** The id of the prediction, as in the header `sheikh-prediction`. */
  readonly id: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** The path that the server knows, with its base path. Absent for a path or a method without an answer. */
  readonly route?: string
  /** The name of the protocol, as in the metrics. */
  readonly protocol: string
  /** The release that answers. */
  readonly release: EventRelease
  /** @param name in lower case. */
  readonly header: (name: string) => string | undefined
  /** The status of the answer. Absent until the end. */
  readonly status?: number
  /** The code of the refusal, as in the answers of `/v1/predict`. Absent if there is none. */
  readonly errorCode?: string
}

/** One call of the model, on the channels `sheikh-freemium:batch:start` and `sheikh-freemium:batch:end`. */
export interface BatchEvent {
  /** Number of inputs. */
  readonly size: number
  /** The requests that the inputs come from: those that began while somebody listened. */
  readonly requests: readonly RequestEvent[]
  readonly release: EventRelease
  /** What the model threw. It may contain text of an input. Absent until the end, and if there is none. */
  readonly error?: unknown
}

/** A change of the release, on the channels `sheikh-freemium:swap:start` and `sheikh-freemium:swap:end`. */
export interface SwapEvent {
  /** The release that answers at the start. */
  readonly from: EventRelease
  /** The release that is verified, loaded and tried. */
  readonly to: EventRelease
  /** Why `from` continues to answer. Absent until the end, and if there is no error. */
  readonly error?: unknown
}

export const named = ({ version, bundle }: EventRelease): EventRelease => ({ version, bundle })

/** An event whose start is published. */
export interface Begun<E> {
  readonly event: E
  /** Adds the outcome to the event, and publishes the end. */
  end(outcome: Partial<E>): void
}

/** @returns a function that publishes the start of an event. It makes no event, and returns nothing, if nobody listens. */
function channelsOf<E extends object>(name: string): (eventOf: () => E) => Begun<E> | undefined {
  const start = channel(`sheikh-freemium:${name}:start`)
  const end = channel(`sheikh-freemium:${name}:end`)
  return (eventOf) => {
    if (!start.hasSubscribers && !end.hasSubscribers) return undefined
    const event = eventOf()
    start.publish(event)
    return { event, end: (outcome) => end.publish(Object.assign(event, outcome)) }
  }
}

export const beginRequest = channelsOf<RequestEvent>('request')
export const beginBatch = channelsOf<BatchEvent>('batch')
export const beginSwap = channelsOf<SwapEvent>('swap')

/** Publishes a batch or a swap around the work. */
export async function published<E extends { readonly error?: unknown }, T>(
  begun: Begun<E> | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (begun === undefined) return work()
  try {
    const result = await work()
    begun.end({})
    return result
  } catch (error) {
    begun.end({ error } as Partial<E>)
    throw error
  }
}
