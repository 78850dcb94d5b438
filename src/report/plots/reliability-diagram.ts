import type { Finding } from '../../gate/index.js'
import { count, isKnown, percent } from '../markdown.js'
import { lineChart, roundTicks } from './line-chart.js'

/** How sure the model was, and how often it was right; empty where calibration was not asked for. */
export function reliabilityDiagram(findings: readonly Finding[]): string {
  const bins = (findings.find(({ reliability }) => reliability !== undefined)?.reliability ?? []).filter(
    ({ confidence, accuracy }) => isKnown(confidence) && isKnown(accuracy),
  )
  if (bins.length === 0) return ''
  const least = Math.min(...bins.flatMap(({ confidence, accuracy }) => [confidence, accuracy]))
  // Down to a whole ten, and never a single point.
  const from = Math.min(90, Math.max(0, Math.floor(10 * least) * 10))
  const side = { from, to: 100, ticks: roundTicks(from, 100), format: (value: number) => `${value} %` }
  const items = bins.map((bin) => bin.items).filter(isKnown)
  const each = Math.round(items.reduce((sum, size) => sum + size, 0) / Math.max(1, items.length))
  return lineChart({
    title: 'How sure the model was, and how often it was right',
    description: bins
      .map(
        (bin) =>
          `${percent(bin.confidence)} sure, ${percent(bin.accuracy)} right${isKnown(bin.items) ? ` (${count(bin.items)} items)` : ''}`,
      )
      .join('; '),
    curves: [
      {
        name: 'as right as it is sure',
        points: [
          [from, from],
          [100, 100],
        ],
        colour: 'var(--soft)',
        dashes: '3 3',
      },
      {
        name: 'items of like confidence',
        points: bins.map(({ confidence, accuracy }) => [100 * confidence, 100 * accuracy] as const),
        colour: 'var(--mark)',
        dots: true,
      },
    ],
    x: { ...side, name: 'how sure it was' },
    y: { ...side, name: 'how often it was right' },
    caption: `Each dot is a group of about ${count(each)} items of which the model was about as sure. Where dots lie below the line, it is too sure of itself; above it, it could trust itself more.`,
  })
}
