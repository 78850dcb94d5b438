import { count, isKnown } from '../markdown.js'
import { lineChart, roundTicks, short } from './line-chart.js'

/** The training loss by step; empty where there are fewer than two points. */
export function lossCurve(curve: readonly (readonly [step: number, loss: number])[]): string {
  const known = curve.filter((point) => point.every(isKnown))
  const [first, last] = [known[0], known.at(-1)]
  if (first === undefined || last === undefined || last[0] <= first[0]) return ''
  let [least, most] = [0, first[1]]
  for (const [, loss] of known) [least, most] = [Math.min(least, loss), Math.max(most, loss)]
  // A flat curve at 0 needs an axis too.
  if (most === least) most = least + 1
  const said = `The loss was ${short(first[1])} at step ${count(first[0])} and ${short(last[1])} at step ${count(last[0])}.`
  return lineChart({
    title: 'Training loss',
    description: said,
    curves: [{ name: 'loss', points: thinned(known), colour: 'var(--mark)' }],
    x: { name: 'step', from: first[0], to: last[0], ticks: roundTicks(first[0], last[0]), format: short },
    y: { name: 'loss', from: least, to: most, ticks: roundTicks(least, most), format: short },
    caption: said,
  })
}

/** A page need not hold every step of a week. */
function thinned<T>(points: readonly T[], most = 400): readonly T[] {
  if (points.length <= most) return points
  return Array.from({ length: most }, (_, index) => points[Math.round((index * (points.length - 1)) / (most - 1))]!)
}
