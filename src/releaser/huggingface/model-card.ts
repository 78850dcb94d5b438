import type { BoundFinding, ComparisonFinding, Finding, LimitFinding, Verdict } from '../../gate/index.js'
import type { PendingRelease } from '../index.js'

export interface ModelCardOptions {
  /** `ns/name`, or `datasets/ns/name`. */
  readonly repository: string
  readonly tag: string
  /** The licence of the model, as the Hub names licences: `apache-2.0`. @default the card names none */
  readonly license?: string | undefined
  /** The licence of the training data, as free text. @default the card names none */
  readonly dataLicense?: string | undefined
  /** The name of the model. @default the repository's name */
  readonly modelName?: string | undefined
}

/**
 * Writes the model card of a release as Markdown: the verdict and its numbers, the data, how to load the model and how to verify
 * it. Contains ids and numbers, but no text of a sample.
 */
export function modelCard(
  { version, bundle, record }: PendingRelease,
  { repository, tag, license, dataLicense, modelName }: ModelCardOptions,
): string {
  const name = repository.replace(/^datasets\//, '')
  const { verdict, dataset: data, candidate } = record
  const front = [
    '---',
    ...(license === undefined ? [] : [`license: ${yaml(license)}`]),
    'tags:',
    '- sheikh-freemium',
    '---',
  ]
  return `${[
    front.join('\n'),
    `# ${modelName === undefined ? name.split('/')[1]! : cell(modelName)} ${version}`,
    verdict === undefined ? 'Released without a verdict.' : sentence(verdict.summary),
    ...(verdict?.policyChanges ?? []).map(({ change }) => `Policy changed: ${sentence(change)}`),
    ...overruled(record.approval, 'Approved'),
    ...overruled(record.override, 'Released against the evidence'),
    metricsTable(verdict, record.metrics),
    [
      '## Where it comes from',
      facts([
        ['commit', record.commit],
        ['run', record.runId],
        ['restored from', record.restoredFrom],
        ['bundle', bundle],
        ['started from', candidate?.base?.version],
        ['made with the releases', candidate?.releases?.map(({ version }) => version).join(', ')],
        ['imported from', record.importedFrom?.from],
        ['data fingerprint', data?.fingerprint],
        ['data licence', dataLicense],
        ['rows', data?.counts.rows],
        ['training rows', data?.counts.training],
        ['evaluation rows', data?.counts.evaluation],
        ['evaluation set', record.evaluationDigest],
      ]),
    ].join('\n\n'),
    `## How to load it\n\n${loading(repository, tag)}`,
    `## How to verify it\n\n\`\`\`sh\nnpx sheikh verify hf:${repository}@${tag}\n\`\`\`\n\n${verifying(record)}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`
}

function metricsTable(verdict: Verdict | undefined, metrics: PendingRelease['record']['metrics']): string {
  const rows = (verdict?.findings ?? []).flatMap((finding) => {
    if (finding.kind !== 'limit' && finding.kind !== 'bound' && finding.kind !== 'comparison') return []
    const items = finding.kind === 'limit' ? '' : finding.items
    return [[what(finding), interval(finding), items, finding.status]]
  })
  const values = Object.entries(metrics ?? {}).map(([metric, value]) => [
    `\`${cell(metric)}\``,
    value === null ? 'none' : number(value),
  ])
  return [
    ...(values.length === 0 ? [] : ['## Metrics', table(['metric', 'value'], values)]),
    ...(rows.length === 0
      ? []
      : ['## What the gate found', table(['question', 'estimate, 95 % interval', 'items', 'answer'], rows)]),
  ].join('\n\n')
}

const what = ({ check, metric, slice, against, againstVersion }: Finding) =>
  [
    cell(check),
    ...(metric === undefined ? [] : [`of ${cell(metric)}`]),
    ...(against === undefined ? [] : [`against the ${against} ${againstVersion ?? ''}`.trim()]),
    ...(slice === undefined ? [] : [`in \`${cell(slice)}\``]),
  ].join(' ')

function interval(finding: LimitFinding | BoundFinding | ComparisonFinding): string {
  if (finding.kind === 'limit') return `${number(finding.estimate)}${unitOf(finding)}`
  const { estimate, lower, upper } = finding
  const bounds = lower === undefined && upper === undefined ? '' : ` (${bound(lower)} to ${bound(upper)})`
  return `${number(estimate)}${bounds}${finding.kind === 'bound' ? unitOf(finding) : ''}`
}

const unitOf = ({ unit }: Pick<LimitFinding, 'unit'>) => (unit === 'bytes' || unit === 'ms' ? ` ${unit}` : '')

const bound = (value: number | undefined) => (value === undefined ? 'open' : number(value))
const number = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(4))

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

const facts = (rows: readonly (readonly [string, unknown])[]) =>
  rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `- ${name}: \`${cell(String(value))}\``)
    .join('\n')

function overruled(by: unknown, act: string): readonly string[] {
  const { by: person, reason, untilMs } = (by ?? {}) as Readonly<Record<string, unknown>>
  const end = typeof untilMs === 'number' ? `, until ${new Date(untilMs).toISOString().slice(0, 10)}` : ''
  return typeof person === 'string' && typeof reason === 'string'
    ? [`${act} by ${cell(person)}${end}: ${sentence(cell(reason))}`]
    : []
}

const loading = (repository: string, tag: string) =>
  `\`\`\`ts
import { loadRelease } from 'sheikh-freemium'
import { huggingFaceRegistry } from 'sheikh-freemium/huggingface'

const model = await loadRelease(huggingFaceRegistry({ repository: '${repository}' }), { channel: 'latest', trainer })
\`\`\`

Any other program finds the files at the tag \`${tag}\`, and those of the newest release on \`main\`.`

const verifying = ({ attestation }: PendingRelease['record']) =>
  [
    'Every file is listed by SHA-256 in `sheikh-release.json`.',
    ...(attestation === undefined ? [] : ['`model.sig` signs them, in the format of OpenSSF Model Signing 1.0.']),
  ].join(' ')

/** Escapes names from the configuration, so that they cannot end a table cell or start markup. */
const cell = (text: string) => text.replace(/[\r\n]+/g, ' ').replace(/[|`<>[\]]/g, (sign) => `\\${sign}`)
const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`)
const yaml = (text: string) => JSON.stringify(text)
