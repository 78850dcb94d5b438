import type { Json } from '../../core/index.js'
import type { FeatureJoin, FeatureView } from './feature-join.js'
import { timeText } from './feature-time.js'

/** A row of a view. */
export interface FeatureRow {
  readonly entities: readonly (string | null)[]
  readonly eventNs: bigint
  readonly createdNs: bigint | undefined
  readonly values: readonly Json[]
  /** The file. */
  readonly path: string
  /** `row group 1, row 3`. */
  readonly position: string
}

/**
 * What is kept of a row. There are several for each request before the best is known, which the garbage collector frees late. So
 * a row is as small as it can be: no text of its own, because rows of a file share what their positions begin with.
 */
interface KeptRow {
  readonly eventNs: bigint
  readonly createdNs: bigint | undefined
  readonly values: readonly Json[]
  /** `stats.parquet row group 1, row `. */
  readonly placeStart: string
  /** What the place ends with: its digits, if there are any. */
  readonly placeEnd: number | string
}

export type Found =
  | { readonly kind: 'found'; readonly values: readonly Json[] }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'ambiguous'; readonly place: string }
  | { readonly kind: 'look-ahead'; readonly at: string; readonly createdAt: string; readonly place: string }

/** The best row for the requests from one time to the next. */
interface Slot {
  readonly atNs: bigint
  best: KeptRow | undefined
  /** A row with the same times and other values. */
  rival: string | undefined
}

/**
 * The as-of join of one view. Requests come first; then rows in any order, of which each request keeps one; then `settle`.
 *
 * A row belongs to the slot of the first request that may see it. The best row of a slot also is a candidate for every later
 * request of the same entities, so one pass in the order of time ends the join.
 */
export class ViewJoin {
  /** Whether a row had the entities of a request. */
  hasMatched = false
  /** The entities of the first row. */
  example: readonly (string | null)[] = []
  readonly #slots = new Map<string, Slot[]>()
  readonly #whenCreatedLater: NonNullable<FeatureJoin['whenCreatedLater']>
  readonly #ttlNs: bigint | undefined
  readonly #starts = new Map<string, string>()
  #isFirst = true

  constructor({ ttlMs }: FeatureView, whenCreatedLater: NonNullable<FeatureJoin['whenCreatedLater']>) {
    this.#whenCreatedLater = whenCreatedLater
    this.#ttlNs = ttlMs === undefined ? undefined : BigInt(Math.round(ttlMs * 1e6))
  }

  ask(entities: readonly (string | null)[], atNs: bigint): void {
    if (entities.includes(null)) return
    const key = joined(entities)
    const slots = this.#slots.get(key)
    const slot = { atNs, best: undefined, rival: undefined }
    if (slots === undefined) this.#slots.set(key, [slot])
    else slots.push(slot)
  }

  add(row: FeatureRow): void {
    if (this.#isFirst) {
      this.#isFirst = false
      this.example = row.entities
      for (const [key, slots] of this.#slots) this.#slots.set(key, inOrder(slots))
    }
    if (row.entities.includes(null)) return
    const slots = this.#slots.get(joined(row.entities))
    if (slots === undefined) return
    this.hasMatched = true
    const { eventNs, createdNs } = row
    const isLate = this.#whenCreatedLater === 'skip' && createdNs !== undefined && createdNs > eventNs
    const slot = slots[firstFrom(slots, isLate ? createdNs : eventNs)]
    if (slot !== undefined && !this.#isTooOld(row, slot)) this.#improve(slot, row)
  }

  /** Call it after the last row. */
  settle(): void {
    for (const slots of this.#slots.values()) {
      let before: Slot | undefined
      for (const slot of this.#isFirst ? inOrder(slots) : slots) {
        if (before?.best !== undefined) {
          const order = slot.best === undefined ? -1 : compare(slot.best, before.best)
          // Equal times are in one slot, unless a row was written after an earlier request.
          if (order < 0) Object.assign(slot, { best: before.best, rival: before.rival })
        }
        before = slot
      }
    }
  }

  find(entities: readonly (string | null)[], atNs: bigint): Found {
    if (entities.includes(null)) return { kind: 'missing', reason: 'it names no entity' }
    const slots = this.#slots.get(joined(entities))!
    const slot = slots.length === 1 ? slots[0]! : slots[firstFrom(slots, atNs)]!
    const { best, rival } = slot
    if (best === undefined) return { kind: 'missing', reason: 'no row is early enough' }
    if (this.#isTooOld(best, slot))
      return { kind: 'missing', reason: `the latest row, of ${timeText(best.eventNs)}, is older than the ttl` }
    if (this.#whenCreatedLater === 'refuse' && best.createdNs !== undefined && best.createdNs > atNs)
      return { kind: 'look-ahead', at: timeText(atNs), createdAt: timeText(best.createdNs), place: placeOf(best) }
    return rival === undefined ? { kind: 'found', values: best.values } : { kind: 'ambiguous', place: rival }
  }

  #improve(slot: Slot, row: FeatureRow): void {
    const order = slot.best === undefined ? 1 : compare(row, slot.best)
    if (order > 0) {
      slot.best = this.#kept(row)
      slot.rival = undefined
    } else if (order === 0 && JSON.stringify(row.values) !== JSON.stringify(slot.best!.values))
      slot.rival ??= `${placeOf(slot.best!)} and ${row.path} ${row.position}`
  }

  #kept({ eventNs, createdNs, values, path, position }: FeatureRow): KeptRow {
    const at = position.search(/(?<!\d)[1-9]\d{0,14}$/)
    const written = `${path} ${at < 0 ? position : position.slice(0, at)}`
    const start = this.#starts.get(written) ?? written
    this.#starts.set(start, start)
    return { eventNs, createdNs, values, placeStart: start, placeEnd: at < 0 ? '' : Number(position.slice(at)) }
  }

  #isTooOld({ eventNs }: Pick<FeatureRow, 'eventNs'>, { atNs }: Slot): boolean {
    return this.#ttlNs !== undefined && eventNs < atNs - this.#ttlNs
  }
}

/** Texts may contain any separator. */
const joined = (entities: readonly (string | null)[]) =>
  entities.length === 1 ? entities[0]! : JSON.stringify(entities)

const inOrder = (slots: Slot[]) =>
  slots.length === 1 ? slots : slots.sort((one, other) => (one.atNs < other.atNs ? -1 : 1))

/** The index of the first slot at or after a time. */
function firstFrom(slots: readonly Slot[], atNs: bigint): number {
  let [low, high] = [0, slots.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (slots[middle]!.atNs < atNs) low = middle + 1
    else high = middle
  }
  return low
}

const placeOf = ({ placeStart, placeEnd }: KeptRow) => `${placeStart}${placeEnd}`

type Times = Pick<FeatureRow, 'eventNs' | 'createdNs'>

/** By the time of the event, then by the time of writing. A row without the latter comes first. */
function compare(one: Times, other: Times): number {
  if (one.eventNs !== other.eventNs) return one.eventNs < other.eventNs ? -1 : 1
  const [left, right] = [one.createdNs, other.createdNs]
  if (left === right) return 0
  if (left === undefined) return -1
  return right === undefined || left > right ? 1 : -1
}
