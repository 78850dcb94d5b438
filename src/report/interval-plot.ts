import type { Finding } from '../gate/index.js'
import { points, signed } from './markdown.js'

const width = 49

/** Differences with their intervals as lines of text: `●` the estimate, `│` no difference, `┊` the margin. */
export function intervalPlot(findings: readonly Finding[]): string {
  const shown = findings.filter(({ estimate, lower, upper, margin }) =>
    [estimate, lower, upper, margin].every((value) => value !== undefined && Number.isFinite(value)),
  ) as readonly (Finding & {
    readonly estimate: number
    readonly lower: number
    readonly upper: number
    readonly margin: number
  })[]
  if (shown.length === 0) return ''
  const low = Math.min(...shown.map(({ lower, margin }) => Math.min(lower, -1.5 * margin)))
  const high = Math.max(...shown.map(({ upper, margin }) => Math.max(upper, 1.5 * margin)))
  const column = (value: number) => Math.round(((value - low) / (high - low)) * (width - 1))
  const names = shown.map(({ slice }) => slice ?? 'all')
  const longest = Math.min(28, Math.max(...names.map((name) => name.length)))
  const lines = shown.map(({ estimate, lower, upper, margin, status }, index) => {
    const cells: string[] = Array(width).fill(' ')
    for (let at = column(lower); at <= column(upper); at += 1) cells[at] = '─'
    cells[column(-margin)] = '┊'
    cells[column(0)] = '│'
    cells[column(estimate)] = '●'
    return `${names[index]!.slice(0, longest).padEnd(longest)} ${cells.join('')} ${status}`
  })
  const [first] = shown
  const unit = (value: number) =>
    first!.kind === undefined || first!.kind === 'binary' ? points(value) : signed(value)
  const [left, right] = [unit(low), unit(high)]
  const axis = `${left}${' '.repeat(Math.max(1, width - left.length - right.length))}${right}`
  return [...lines, `${' '.repeat(longest + 1)}${axis}`].join('\n')
}
