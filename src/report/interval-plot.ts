import { visible } from '../core/index.js'
import type { Finding } from '../gate/index.js'
import { type IntervalGroup, intervalGroups } from './plots/intervals.js'

const width = 49
const longestName = 28

/** Draws differences with their intervals as text: `●` is the estimate, `│` no difference, `┊` the margin. */
export function intervalPlot(findings: readonly Finding[]): string {
  const groups = intervalGroups(findings)
  return groups.map((group) => `${groups.length > 1 ? `${visible(group.name)}\n` : ''}${lines(group)}`).join('\n\n')
}

function lines({ shown, left, from, to, margin, unit }: IntervalGroup): string {
  const column = (value: number) => Math.round(((value - from) / (to - from)) * (width - 1))
  // Long names mostly differ at their end, so the start is cut.
  const names = shown
    .map(({ slice = 'all' }) => visible(slice))
    .map((name) => (name.length > longestName ? `…${name.slice(1 - longestName)}` : name))
  const longest = Math.max(...names.map((name) => name.length))
  const rows = shown.map(({ estimate, lower, upper, status }, index) => {
    const cells: string[] = Array(width).fill(' ')
    for (let at = column(lower); at <= column(upper); at += 1) cells[at] = '─'
    cells[column(-margin)] = '┊'
    cells[column(0)] = '│'
    cells[column(estimate)] = '●'
    return `${names[index]!.padEnd(longest)} ${cells.join('')} ${status}`
  })
  const [start, end] = [unit(from), unit(to)]
  const axis = `${start}${' '.repeat(Math.max(1, width - start.length - end.length))}${end}`
  const rest = left > 0 ? [`${left} more slices are in the table.`] : []
  return [...rows, `${' '.repeat(longest + 1)}${axis}`, ...rest].join('\n')
}
