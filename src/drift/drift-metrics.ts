import type { DriftReport } from './drift.js'

/**
 * A report as gauges in the text format of Prometheus, for a textfile collector or an endpoint of your own: `sheikh_drift_found`,
 * `sheikh_drift_items`, and for each test `sheikh_drift_effect` and `sheikh_drift_adjusted_p`. Contains no text of users but the
 * names of fields.
 *
 * Source: Prometheus, Exposition formats, version 0.0.4.
 */
export function driftMetrics({ status, reference, live, tests }: DriftReport): string {
  const gauge = (name: string, help: string, lines: readonly (readonly [labels: string, value: number])[]) =>
    lines.length === 0
      ? []
      : [
          `# HELP sheikh_drift_${name} ${help}`,
          `# TYPE sheikh_drift_${name} gauge`,
          ...lines.map(([labels, value]) => `sheikh_drift_${name}${labels} ${value}`),
        ]
  const each = (value: 'effect' | 'adjusted') =>
    tests.map((test) => [`{part="${escaped(test.part)}",aspect="${test.aspect}"}`, test[value]] as const)
  const lines = [
    ...gauge('found', 'Whether drift was found: 1 or 0. NaN: not enough data.', [
      ['', status === 'not-enough-data' ? Number.NaN : Number(status === 'found')],
    ]),
    ...gauge('items', 'Items that were compared.', [
      ['{side="reference"}', reference.compared],
      ['{side="live"}', live.compared],
    ]),
    ...gauge('effect', 'Size of the difference, from 0 to 1.', each('effect')),
    ...gauge('adjusted_p', 'P-value of the difference, corrected for all tests.', each('adjusted')),
  ]
  return `${lines.join('\n')}\n`
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
