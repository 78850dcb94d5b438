import { SheikhError } from '../../core/index.js'
import type { DatasetIssue } from '../issues.js'
import { type QualityFinding, type QualityReport, qualityKinds } from './quality-finding.js'

/** Findings, and ids per finding, that the record of a run or an error contains. */
const mostFindings = 100
const mostIds = 20

/** A report with so few findings and ids that a record can contain it. Findings that fail come first. */
export function shortQualityReport(report: QualityReport): QualityReport & { readonly left: number } {
  const first = [...report.findings].sort(
    (one, other) => Number(other.severity === 'fail') - Number(one.severity === 'fail'),
  )
  const findings = first.slice(0, mostFindings).map((finding) => ({ ...finding, ids: finding.ids.slice(0, mostIds) }))
  return { ...report, findings, left: report.findings.length - findings.length }
}

export interface QualityWarning {
  readonly message: string
  /** The places of the samples, of the first 100 findings. */
  readonly issues: readonly DatasetIssue[]
}

/** One sentence for each kind of finding that warns. */
export function qualityWarnings({ findings }: QualityReport): readonly QualityWarning[] {
  return qualityKinds.flatMap((kind) => {
    const found = findings.filter((finding) => finding.kind === kind && finding.severity === 'warn')
    const [first] = found
    if (first === undefined) return []
    const more = found.length === 1 ? '' : ` ${found.length - 1} more of this kind: sheikh data check`
    return [{ message: `Data quality (${kind}), ${idsText(first)}: ${first.message}${more}`, issues: issuesIn(found) }]
  })
}

/** The places of findings, each with the fact. */
const issuesIn = (findings: readonly QualityFinding[]): readonly DatasetIssue[] =>
  findings
    .slice(0, mostFindings)
    .flatMap(({ places, kind, message }) =>
      places.map(({ path, position }) => ({ path, position, message: `${kind}: ${message}` })),
    )
    .slice(0, mostFindings)

/** The error that findings lead to; `undefined` if none fails. */
export function qualityFailure({ findings }: QualityReport): SheikhError | undefined {
  const failing = findings.filter(({ severity }) => severity === 'fail')
  const [first] = failing
  if (first === undefined) return undefined
  const more = failing.length === 1 ? '' : ` ${failing.length - 1} more findings fail.`
  return new SheikhError(
    'dataset-invalid',
    `The data has a quality problem (${first.kind}), ${idsText(first)}: ${first.message}${more} For all findings: sheikh data check. To exclude samples from training: sheikh data quarantine`,
    {
      facts: {
        issues: issuesIn(failing),
        findings: failing.slice(0, mostFindings).map(({ kind, ids }) => ({ kind, ids: ids.slice(0, mostIds) })),
      },
    },
  )
}

function idsText({ ids }: Pick<QualityFinding, 'ids'>): string {
  const named = ids.slice(0, 3).map((id) => JSON.stringify(id))
  return ids.length > named.length ? `${named.join(', ')} and ${ids.length - named.length} more` : named.join(', ')
}
