import { type CallContext, canonicalJson, formsOfSecrets } from '../../core/index.js'
import type { DatasetRows } from '../dataset-rows.js'
import type { RowWithSample } from '../dataset-types.js'
import { areLabels } from '../labels.js'
import { fileOf } from '../read-entry.js'
import { textOf } from '../text-index.js'
import { type Mark, type RowExamination, type RowToExamine, rowsPerBlock, textPerBlock } from './examine-rows.js'
import { LabelErrorFinder } from './label-errors.js'
import { isAllowed, originOf } from './origins.js'
import type { QualitySettings } from './quality-options.js'
import { frameOfInputs, RepeatFinder } from './repeats.js'
import { eachText } from './text-fields.js'
import type { TokenCounts } from './token-counter.js'
import { TokenTally } from './token-tally.js'

/** Enough rows to tell what all of them contain. */
const rowsForFrame = 1_000

/** What reading every sample once tells. Rows are known by their places in `rows`, which is sorted by id. */
export interface Facts {
  readonly rows: DatasetRows['rows']
  readonly partAt: DatasetRows['partAt']
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
  /** Whether any text is in the composed Unicode form, and fields in another form by row. */
  readonly hasComposed: boolean
  readonly decomposed: ReadonlyMap<number, readonly string[]>
  /** Rows by their value, of values that are missing or not allowed. */
  readonly sources: Origins
  readonly licenses: Origins
  /** Rows whose id or path contains a secret. */
  readonly masked: ReadonlySet<number>
}

type FieldFacts = ReadonlyMap<number, ReadonlyMap<string, ReadonlySet<string>>>
type Origins = ReadonlyMap<string | undefined, readonly number[]>

/**
 * @param examination examines each row: `examineHere`, or on workers.
 */
export async function collectFacts(
  { rows, partAt, withSamples }: DatasetRows,
  {
    settings,
    secrets,
    examination,
  }: {
    readonly settings: QualitySettings
    readonly secrets: readonly string[]
    readonly examination: RowExamination
  },
  context: CallContext,
): Promise<Facts> {
  const isOn = (name: keyof QualitySettings) => settings[name].action !== 'off'
  const isCategorical = hasLabels(rows)
  const comparesInputs = isOn('duplicate') || isOn('leakage') || isOn('labelConflict') || isOn('labelError')
  const similarity = {
    duplicate: settings.duplicate.similarity,
    leakage: settings.leakage.similarity,
    labelConflict: settings.labelConflict.similarity,
  }
  const repeats = new RepeatFinder(similarity, rows.length)
  const labelErrors = new LabelErrorFinder()
  const [empty, oversized] = [[] as number[], [] as { row: number; characters: number }[]]
  const [charset, personal, found] = [fieldFacts(), fieldFacts(), fieldFacts()]
  const { counter, maximumTokens } = settings.tokenLimit
  const counts = counter !== undefined && isOn('tokenLimit')
  const tally = counts ? new TokenTally(maximumTokens) : undefined
  const overTokenLimit = { rows: [] as number[], most: 0 }
  let hasComposed = false
  const decomposed = new Map<number, string[]>()
  const [sources, licenses] = [origins(settings.source.allowed), origins(settings.license.allowed)]
  const masked = new Set<number>()
  const known = isOn('secret') ? formsOfSecrets(secrets) : []
  /** Fields with a known secret, by row, until the row is examined. Workers do not get to know the secrets. */
  const withKnownSecrets = new Map<number, string[]>()

  /** Notes what costs little, and returns what else is to examine of a row. */
  function begin(row: number, whole: RowWithSample['row'], sample: unknown): RowToExamine {
    const file = fileOf(whole)
    const input = file === undefined ? whole.input : { file }
    const { id } = whole
    const { label, path, slices } = rows.at(row)
    const part = partAt(row)
    const text = textOf(input)
    const texts: [text: string, field: string][] = [[id, idField]]
    if (path !== id) texts.push([path, idField])
    eachText(sample, (text, field) => texts.push([text, field]))
    for (const [text, field] of texts)
      if (known.some((secret) => text.includes(secret)))
        withKnownSecrets.set(row, [...(withKnownSecrets.get(row) ?? []), field])
    if (isOn('source')) sources.add(originOf(sample, slices['category'], settings.source), row)
    if (isOn('license')) licenses.add(originOf(sample, slices['category'], settings.license), row)
    // Names of files tell nothing about what they contain.
    if (file === undefined && typeof input === 'string' && !visible.test(input)) empty.push(row)
    if (file === undefined && text.length > settings.oversizedText.maximumCharacters)
      oversized.push({ row, characters: text.length })
    const isJudged =
      file === undefined && part === 'training' && label !== undefined && isCategorical && isOn('labelError')
    const isCompared = comparesInputs && part !== undefined
    return {
      ...{ text, texts, isJudged, isCompared },
      ...(isCompared && typeof input !== 'string' && { json: canonicalJson(input) }),
      ...(counts &&
        file === undefined && {
          counted: whole.target === undefined ? [whole.input] : [whole.input, whole.target],
        }),
    }
  }

  function mark(row: number, one: Mark): void {
    if (one[0] === 'composed') hasComposed = true
    else if (one[0] === 'decomposed') decomposed.set(row, [...(decomposed.get(row) ?? []), one[1]])
    else {
      const [what, name, field] = one
      if (what === 'secret' && field === idField) masked.add(row)
      const facts = what === 'secret' ? found : what === 'charset' ? charset : personal
      facts.add(row, name, field)
    }
  }

  /** A text in which a rule found something has no further finding. */
  function markKnownSecrets(row: number, marks: readonly Mark[]): void {
    const fields = withKnownSecrets.get(row) ?? []
    withKnownSecrets.delete(row)
    for (const field of fields)
      if (!marks.some((one) => one[0] === 'secret' && one[2] === field)) mark(row, ['secret', 'token', field])
  }

  async function* blocks() {
    let block = { places: [] as number[], rows: [] as RowToExamine[], characters: 0 }
    for await (const { row: whole, sample, place } of withSamples()) {
      context.signal.throwIfAborted()
      const row = begin(place, whole, sample)
      block.places.push(place)
      block.rows.push(row)
      block.characters += row.texts.reduce((sum, [text]) => sum + text.length, row.text.length)
      if (block.rows.length < rowsPerBlock && block.characters < textPerBlock) continue
      yield block
      block = { places: [], rows: [], characters: 0 }
    }
    if (block.rows.length > 0) yield block
  }

  const inputs = comparesInputs ? await firstInputs(withSamples) : []
  const examined = {
    ...{ secret: isOn('secret'), charset: isOn('charset') },
    personalData: isOn('personalData') ? settings.personalData.kinds : [],
    frame: [...frameOfInputs(inputs)],
  }
  const asked = { settings: examined, counter: counts ? counter : undefined }
  for await (const { places, facts } of examination(blocks(), asked, context)) {
    for (const [index, row] of places.entries()) {
      const { compared, features, marks, tokens } = facts[index]!
      if (compared !== undefined) repeats.add(row, compared, partAt(row)!)
      if (features !== undefined) labelErrors.add(row, features, rows.at(row).label!)
      for (const one of marks) mark(row, one)
      markKnownSecrets(row, marks)
      const over = tally?.add(tokens)
      if (over === undefined) continue
      overTokenLimit.rows.push(row)
      overTokenLimit.most = Math.max(overTokenLimit.most, over)
    }
  }
  context.signal.throwIfAborted()
  return {
    ...{ rows, partAt, repeats, labelErrors, areLabels: isCategorical, empty, oversized },
    ...{ hasComposed, decomposed, masked },
    ...{ charset: charset.found, personal: personal.found, secrets: found.found },
    ...(counts && {
      tokens: { tokenizer: { name: counter.name, digest: await counter.digest(context) }, ...tally!.counts() },
    }),
    overTokenLimit,
    ...{ sources: sources.found, licenses: licenses.found },
  }
}

/** The name of the id and the path among the fields of a sample. */
const idField = '(id)'
/** Anything but white space, controls and characters without width. */
const visible = /[^\s\p{C}\p{M}\u115f\u1160\u2800\u3164\uffa0]/u

/** Whether targets are labels, and no free text. */
function hasLabels(rows: DatasetRows['rows']): boolean {
  const labels = new Set<string>()
  let labelled = 0
  for (const { label } of rows) {
    if (label === undefined) continue
    labelled += 1
    labels.add(label)
  }
  return labels.size > 1 && areLabels(labels.size, labelled)
}

async function firstInputs(withSamples: DatasetRows['withSamples']): Promise<readonly unknown[]> {
  const inputs: unknown[] = []
  for await (const { row } of withSamples()) if (inputs.push(fileOf(row) ?? row.input) === rowsForFrame) break
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

function origins(allowed: readonly string[] | undefined) {
  const found = new Map<string | undefined, number[]>()
  return {
    found,
    add(value: string | undefined, row: number) {
      if (value !== undefined && (allowed === undefined || isAllowed(value, allowed))) return
      const rows = found.get(value)
      if (rows === undefined) found.set(value, [row])
      else rows.push(row)
    },
  }
}
