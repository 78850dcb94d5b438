import { duration } from '../report/texts/index.js'

/** How far some work is. */
export interface Progress {
  readonly name: string
  readonly done: number
  readonly total: number
  /** In the plural: `steps`. Absent for a share of 1, whose count and rate say nothing. */
  readonly unit?: string | undefined
  /** Units per second; `undefined` while too little is known. */
  readonly rate: number | undefined
  readonly detail?: string | undefined
}

const longestBar = 30
const shortestBar = 8
/** A hundred days. A longer estimate only says that the rate is not known yet. */
const longestSeconds = 8_640_000

/**
 * A progress bar, such as `train [=====>    ] 54 %  540/1000  32 steps/s  14 s left  loss 0.342`, in at most `columns` characters.
 * On a narrow terminal the bar gets shorter, and then parts are left out, the least important first.
 */
export function progressLine({ name, done, total, unit, rate, detail }: Progress, columns: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0
  const secondsLeft = rate === undefined || rate <= 0 ? Number.NaN : Math.ceil(Math.max(0, total - done) / rate)
  const percentage = `${String(Math.floor(100 * share)).padStart(3)} %`
  const inOrder = [
    unit === undefined ? '' : `${done}/${total}`,
    unit === undefined || rate === undefined ? '' : `${rateText(rate)} ${unit}/s`,
    secondsLeft < longestSeconds ? `${duration(1000 * secondsLeft).replace(/\.0 s$/, ' s')} left` : '',
    detail ?? '',
  ]
  // By importance: the time left, the count, the rate, the detail.
  const kept = new Set<number>()
  const text = () => inOrder.filter((part, index) => kept.has(index) && part !== '').map((part) => `  ${part}`)
  const width = () => name.length + 1 + percentage.length + text().join('').length
  for (const index of [2, 0, 1, 3]) {
    kept.add(index)
    if (width() > columns) kept.delete(index)
  }
  const room = Math.min(longestBar, columns - width() - 3)
  const bar = room < shortestBar ? '' : `[${drawBar(share, room)}] `
  return `${name} ${bar}${percentage}${text().join('')}`.slice(0, columns)
}

function drawBar(share: number, width: number): string {
  const filled = Math.round(share * width)
  const head = filled > 0 && filled < width ? '>' : ''
  return `${'='.repeat(filled - head.length)}${head}`.padEnd(width)
}

/** Three significant digits: `0.25`, `3.1`, `1450`. */
const rateText = (rate: number) => (rate >= 100 ? String(Math.round(rate)) : String(Number(rate.toPrecision(2))))

const windowMs = 20_000

/** The rate of some work over the last 20 seconds, so that a slow start is forgotten. */
export class RateMeter {
  #points: (readonly [atMs: number, done: number])[] = []

  add(atMs: number, done: number): void {
    this.#points.push([atMs, done])
    // The oldest point of the window stays, and the newest one before it.
    while (this.#points.length > 2 && this.#points[1]![0] < atMs - windowMs) this.#points.shift()
  }

  /** Units per second; `undefined` before two points at different times. */
  rate(): number | undefined {
    const [first, last] = [this.#points[0], this.#points.at(-1)]
    if (first === undefined || last === undefined || last[0] <= first[0]) return undefined
    return (1000 * (last[1] - first[1])) / (last[0] - first[0])
  }
}
