import type { CallContext } from '../../core/index.js'
import type { DatasetContents, RowWithSample } from '../dataset-types.js'
import { areLabels } from '../labels.js'
import { fileOf } from '../read-entry.js'
import { textOf } from '../text-index.js'
import { charsetProblems, normalFormOf } from './charset.js'
import { LabelErrorFinder } from './label-errors.js'
import { originOf } from './origins.js'
import { personalDataIn } from './personal-data.js'
import type { QualitySettings } from './quality-options.js'
import { type Part, RepeatFinder } from './repeats.js'
import { SecretScanner } from './secrets.js'
import { eachText } from './text-fields.js'
import type { TokenCounts } from './token-counter.js'
import { TokenTally } from './token-tally.js'

/** Enough rows to tell what all of them contain. */
const rowsForFrame = 1_000

/** What reading every sample once tells. Rows are indices into `contents.rows`, which is sorted by id. */
export interface Facts {
  readonly contents: DatasetContents
  readonly partOf: (row: number) => Part | undefined
  readonly rowOf: (id: string) => number | undefined
  readonly repeats: RepeatFinder
  readonly labelErrors: LabelErrorFinder
  /** Whether targets are labels, and no free text. */
  readonly areLabels: boolean
  readonly empty: readonly number[]
  readonly oversized: readonly { readonly row: number; readonly characters: number }[]
  /** Absent if tokens were not counted. */
  readonly tokens?: TokenCounts | undefined
  /** Rows with more tokens than the limit, and the most tokens that one of them has. */
  readonly overTokenLimit: { readonly rows: readonly number[]; readonly most: number }
  /** By row and problem, kind of data or rule: the fields. */
  readonly charset: FieldFacts
  readonly personal: FieldFacts
  readonly secrets: FieldFacts
  /** Rows with texts in the composed Unicode form, and fields in another form by row. */
  readonly composed: ReadonlySet<number>
  readonly decomposed: ReadonlyMap<number, readonly string[]>
  /** Rows by their value. */
  readonly sources: Origins
  readonly licenses: Origins
  /** Rows whose id or path contains a secret. */
  readonly masked: ReadonlySet<number>
}

type FieldFacts = ReadonlyMap<number, ReadonlyMap<string, ReadonlySet<string>>>
type Origins = ReadonlyMap<string | undefined, readonly number[]>

export async function collectFacts(
  contents: DatasetContents,
  {
    settings,
    secrets,
    partOf,
  }: {
    readonly settings: QualitySettings
    readonly secrets: readonly string[]
    readonly partOf: (id: string) => Part | undefined
  },
  context: CallContext,
): Promise<Facts> {
  const { rows } = contents
  const isOn = (name: keyof QualitySettings) => settings[name].action !== 'off'
  const places = new Map(rows.map(({ id }, row) => [id, row]))
  const labels = new Set(rows.flatMap(({ label }) => (label === undefined ? [] : [label])))
  const labelled = rows.filter(({ label }) => label !== undefined).length
  const isCategorical = labels.size > 1 && areLabels(labels.size, labelled)
  const similarity = {
    duplicate: settings.duplicate.similarity,
    leakage: settings.leakage.similarity,
    labelConflict: settings.labelConflict.similarity,
  }
  const repeats = new RepeatFinder(similarity, rows.length, await firstInputs(contents))
  const labelErrors = new LabelErrorFinder()
  const [empty, oversized] = [[] as number[], [] as { row: number; characters: number }[]]
  const [charset, personal, found] = [fieldFacts(), fieldFacts(), fieldFacts()]
  const { counter, maximumTokens } = settings.tokenLimit
  const counts = counter !== undefined && isOn('tokenLimit')
  const tally = counts ? new TokenTally(await counter.open(context), maximumTokens, context) : undefined
  const overTokenLimit = { rows: [] as number[], most: 0 }
  const composed = new Set<number>()
  const decomposed = new Map<number, string[]>()
  const [sources, licenses] = [origins(), origins()]
  const masked = new Set<number>()
  const scanner = new SecretScanner<{ row: number; field: string }>(({ row, field }, rule) => {
    if (field === idField) masked.add(row)
    found.add(row, rule, field)
  }, secrets)

  function examineInput(row: number, whole: RowWithSample['row']): void {
    const { input } = whole
    const { id, label } = rows[row]!
    const part = partOf(id)
    const file = fileOf(whole)
    if (isOn('duplicate') || isOn('leakage') || isOn('labelConflict') || isOn('labelError'))
      repeats.add(row, file === undefined ? input : { file }, part)
    // Names of files tell nothing about what they contain.
    if (file !== undefined) return
    const text = textOf(input)
    if (part === 'training' && label !== undefined && isCategorical && isOn('labelError'))
      labelErrors.add(row, text, label)
    if (typeof input === 'string' && !visible.test(text)) empty.push(row)
    if (text.length > settings.oversizedText.maximumCharacters) oversized.push({ row, characters: text.length })
  }

  async function examineSample(row: number, sample: unknown): Promise<void> {
    const { id, path, slices } = rows[row]!
    const texts: [text: string, field: string][] = [[id, idField]]
    if (path !== id) texts.push([path, idField])
    eachText(sample, (text, field) => texts.push([text, field]))
    for (const [text, field] of texts) {
      if (isOn('secret')) await scanner.add({ row, field }, text)
      if (isOn('personalData'))
        for (const kind of personalDataIn(text, settings.personalData.kinds)) personal.add(row, kind, field)
      if (!isOn('charset')) continue
      for (const problem of charsetProblems(text)) charset.add(row, problem, field)
      const form = normalFormOf(text)
      if (form === 'composed') composed.add(row)
      if (form === 'other') decomposed.set(row, [...(decomposed.get(row) ?? []), field])
    }
    if (isOn('source')) sources.add(originOf(sample, slices['category'], settings.source), row)
    if (isOn('license')) licenses.add(originOf(sample, slices['category'], settings.license), row)
  }

  for await (const { row: each, sample } of contents.withSamples()) {
    const row = places.get(each.id)!
    examineInput(row, each)
    const tokens = await tally?.add(each)
    if (tokens !== undefined) {
      overTokenLimit.rows.push(row)
      overTokenLimit.most = Math.max(overTokenLimit.most, tokens)
    }
    await examineSample(row, sample)
  }
  await scanner.flush()
  context.signal.throwIfAborted()
  return {
    ...{ contents, repeats, labelErrors, areLabels: isCategorical, empty, oversized, composed, decomposed, masked },
    ...{ charset: charset.found, personal: personal.found, secrets: found.found },
    ...(counts && {
      tokens: { tokenizer: { name: counter.name, digest: await counter.digest(context) }, ...tally!.counts() },
    }),
    overTokenLimit,
    ...{ sources: sources.found, licenses: licenses.found },
    partOf: (row) => partOf(rows[row]!.id),
    rowOf: (id) => places.get(id),
  }
}

/** The name of the id and the path among the fields of a sample. */
const idField = '(id)'
/** Anything but white space, controls and characters without width. */
const visible = /[^\s\p{C}\p{M}\u115f\u1160\u2800\u3164\uffa0]/u

async function firstInputs(contents: DatasetContents): Promise<readonly unknown[]> {
  const inputs: unknown[] = []
  for await (const { row } of contents.withSamples()) if (inputs.push(fileOf(row) ?? row.input) === rowsForFrame) break
  return inputs
}

function fieldFacts() {
  const found = new Map<number, Map<string, Set<string>>>()
  return {
    found,
    add(row: number, name: string, field: string) {
      const names = found.get(row) ?? new Map<string, Set<string>>()
      names.set(name, (names.get(name) ?? new Set()).add(field))
      found.set(row, names)
    },
  }
}

function origins() {
  const found = new Map<string | undefined, number[]>()
  return {
    found,
    add(value: string | undefined, row: number) {
      const rows = found.get(value)
      if (rows === undefined) found.set(value, [row])
      else rows.push(row)
    },
  }
}
