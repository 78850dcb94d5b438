import type { Finding } from '../../gate/index.js'
import { count, percent } from '../markdown.js'
import { lineChart, roundTicks } from './line-chart.js'

/** Plots confidence against accuracy. Empty without a calibration check. */
export function reliabilityDiagram(findings: readonly Finding[]): string {
  const [bins = []] = findings.flatMap((finding) =>
    finding.kind === 'bound' && finding.reliability !== undefined ? [finding.reliability] : [],
  )
  if (bins.length === 0) return ''
  const least = Math.min(...bins.flatMap(({ confidence, accuracy }) => [confidence, accuracy]))
  // Down to a whole ten, and never a single point.
  const from = Math.min(90, Math.max(0, Math.floor(10 * least) * 10))
  const side = { from, to: 100, ticks: roundTicks(from, 100), format: (value: number) => `${value} %` }
  const each = Math.round(bins.reduce((sum, { items }) => sum + items, 0) / bins.length)
  return lineChart({
    title: 'Confidence and accuracy',
    description: bins
      .map(
        ({ confidence, accuracy, items }) =>
          `${percent(confidence)} sure, ${percent(accuracy)} right (${count(items)} items)`,
      )
      .join('; '),
    curves: [
      {
        name: 'perfect calibration',
        points: [
          [from, from],
          [100, 100],
        ],
        colour: 'var(--soft)',
        dashes: '3 3',
      },
      {
        name: 'items of similar confidence',
        points: bins.map(({ confidence, accuracy }) => [100 * confidence, 100 * accuracy] as const),
        colour: 'var(--mark)',
        dots: true,
      },
    ],
    x: { ...side, name: 'confidence' },
    y: { ...side, name: 'accuracy' },
    caption: `Each dot is a group of about ${count(each)} items with similar confidence. Dots below the line mean that the model is overconfident; dots above it, underconfident.`,
  })
}
