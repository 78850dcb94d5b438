import { nearestName, SheikhError } from '../../core/index.js'
import { type Column, describeColumn, isScalar, isText, number, whyNoLabels } from './columns.js'

/** Fields that a person named, as in the source. A nested field is written with dots. */
export interface GivenFields {
  readonly id?: string | undefined
  readonly input?: string | undefined
  readonly target?: string | undefined
  /** `false`: no group. */
  readonly group?: string | false | undefined
  readonly slices?: readonly string[] | undefined
}

export interface Chosen {
  readonly column: Column
  readonly reason: string
}

/** A column for each part of a row; absent if none fits. */
export interface ChosenColumns {
  readonly id?: Chosen | undefined
  readonly input?: Chosen | undefined
  readonly target?: Chosen | undefined
  readonly group?: Chosen | undefined
  readonly slices: readonly Chosen[]
  readonly notes: readonly string[]
  readonly problems: readonly string[]
}

export interface ProposeOptions {
  readonly given: GivenFields
  /** The fields that the project's settings or the format of the source name. They are chosen if they fit. */
  readonly expected: {
    readonly id?: string
    readonly input?: string
    readonly target?: string
    readonly group?: string
  }
  /** Labels that the project already has beside those of the source. */
  readonly hasLabels: boolean
}

// Names that data sets use, best first. Compared without case, dashes, underscores and blanks.
const names = {
  id: 'id _id uuid guid sampleid exampleid itemid recordid ticketid messageid questionid qid docid documentid key',
  input:
    'text input prompt question query utterance sentence review message body content comment description instruction title subject tweet',
  target:
    'label labels target class category intent sentiment answer expected output completion response tag topic gold y rating stars score verdict result',
  group:
    'group groupid thread threadid conversation conversationid dialogue dialogueid session sessionid user userid author authorid speaker speakerid customer customerid patient patientid document documentid docid source sourceid article articleid cluster family',
  slices: 'language lang locale country region source channel domain platform product gender device type kind',
}
const list = (part: keyof typeof names) => names[part].split(' ')
const listOf = {
  id: list('id'),
  input: list('input'),
  target: list('target'),
  group: list('group'),
  slices: list('slices'),
}

const maximumSlices = 5
const maximumSliceValues = 20
const fewestGroups = 5

/** Chooses a column for each part of a row, and says why. */
export function proposeProjection(columns: readonly Column[], options: ProposeOptions): ChosenColumns {
  const { given, expected, hasLabels } = options
  const [notes, problems]: [string[], string[]] = [[], []]
  const named = (part: string, name: string): Chosen => ({
    column: columnNamed(columns, part, name),
    reason: `named by you; ${describeColumn(columnNamed(columns, part, name))}`,
  })
  const leaves = columns.filter(({ present }) => present > 0)

  const target = chooseTarget()
  const taken = (): readonly (Chosen | undefined)[] => [target, input]
  const isFree = (column: Column) => !taken().some((chosen) => chosen?.column === column)
  let input: Chosen | undefined
  input = chooseInput()
  const id = chooseId()
  const group = given.group === false ? undefined : chooseGroup()
  const slices = chooseSlices()
  return { id, input, target, group, slices, notes, problems }

  function chooseTarget(): Chosen | undefined {
    if (given.target !== undefined) {
      const chosen = named('target', given.target)
      const why = whyNoLabels(chosen.column, hasLabels ? 1 : 2)
      if (why === 'it is empty' || why === 'it has only one value' || why === 'it contains lists or objects')
        problems.push(`The field "${chosen.column.name}" cannot be the target: ${why}.`)
      else if (why !== undefined)
        notes.push(
          `The values of the target "${chosen.column.name}" do not look like labels: ${why}. The built-in text classifier learns labels. For free text, use model.architecture: llama or your own trainer.`,
        )
      return chosen
    }
    // A small batch may have as many labels as records; which field is the label was decided before.
    const own = expected.target === undefined || !hasLabels ? undefined : byName(leaves, [plain(expected.target)])[0]
    if (own !== undefined && isScalar(own))
      return { column: own, reason: `the target of the project; ${describeColumn(own)}` }
    const fewest = hasLabels ? 1 : 2
    const fits = leaves.filter((column) => whyNoLabels(column, fewest) === undefined)
    const meant = byName(leaves, expected.target === undefined ? listOf.target : [plain(expected.target)])
    const best = meant.find((column) => fits.includes(column)) ?? byName(fits, listOf.target)[0]
    for (const column of meant) {
      if (best !== undefined && meant.indexOf(column) > meant.indexOf(best)) break
      const why = whyNoLabels(column, fewest)
      if (why !== undefined) notes.push(`The field "${column.name}" is not the target: ${why}.`)
    }
    if (best !== undefined) return { column: best, reason: `its name; ${describeColumn(best)}` }
    const labels = fits.filter((column) => !nameIs(column, listOf.id))
    const unlikeSlices = labels.filter((column) => !nameIs(column, listOf.slices))
    const others = unlikeSlices.length > 0 ? unlikeSlices : labels
    const [only, ...more] = others
    if (only !== undefined && more.length === 0)
      return { column: only, reason: `the only field whose values repeat like labels; ${describeColumn(only)}` }
    problems.push(
      leaves.length < 2
        ? `The records have only ${leaves.length === 0 ? 'empty fields' : `the field "${leaves[0]!.name}"`}, but a sample needs an input and a label. Add a field with the labels.`
        : only === undefined
          ? 'No field looks like a label: none has at least two values that repeat. Name the field with --target.'
          : `Several fields could be the label: ${others
              .slice(0, 8)
              .map((column) => `"${column.name}" (${number(column.distinct)} values)`)
              .join(', ')}. Choose one with --target.`,
    )
    return undefined
  }

  function chooseInput(): Chosen | undefined {
    if (given.input !== undefined) {
      const chosen = named('input', given.input)
      if (chosen.column.present === 0)
        problems.push(`The field "${chosen.column.name}" cannot be the input: it is empty.`)
      else if (!isScalar(chosen.column))
        problems.push(
          `The field "${chosen.column.name}" cannot be the input: it contains lists or objects, and a text is needed. Name a field inside with dots, such as --input ${chosen.column.name}.text.`,
        )
      else if (chosen.column === target?.column) problems.push('The input and the target are the same field.')
      return chosen
    }
    const texts = leaves.filter(
      (column) => column !== target?.column && isText(column) && isScalar(column) && column.dates * 2 < column.present,
    )
    const wanted = expected.input === undefined ? [] : [plain(expected.input)]
    const best = byName(texts, wanted)[0] ?? byName(texts, listOf.input).find(isWordy)
    if (best !== undefined) return { column: best, reason: `its name; ${describeColumn(best)}` }
    const longest = texts
      .filter((column) => !nameIs(column, listOf.id))
      .sort((one, other) => other.meanLength - one.meanLength)[0]
    if (longest !== undefined) return { column: longest, reason: `the longest texts; ${describeColumn(longest)}` }
    problems.push('No field contains text that a model could read. Name the field with --input.')
    return undefined
  }

  function chooseId(): Chosen | undefined {
    if (given.id !== undefined) {
      const chosen = named('id', given.id)
      const { column } = chosen
      if (!isScalar(column)) problems.push(`The field "${column.name}" cannot be the id: it contains lists or objects.`)
      else if (column.distinct < column.present)
        problems.push(
          `The field "${column.name}" cannot be the id: ${number(column.present - column.distinct)} of ${number(column.present)} records repeat the id of another one. Leave out --id: the import then makes ids from the content.`,
        )
      return chosen
    }
    const wanted = expected.id === undefined ? [] : [plain(expected.id)]
    const others = leaves.filter(
      ({ path, distinct, present }) => /(?:[_-]id|[a-z]I[dD])$/.test(path.at(-1)!) && distinct === present,
    )
    for (const column of new Set([...byName(leaves, wanted), ...byName(leaves, listOf.id), ...others])) {
      if (!isFree(column) || !isScalar(column) || column.path.length > 1) continue
      if (column.distinct === column.present && column.maximumLength <= 1024)
        return { column, reason: `its name; every value is different (${number(column.distinct)})` }
      notes.push(
        `The field "${column.name}" is not the id: ${number(column.present - column.distinct)} of ${number(column.present)} records repeat the value of another one.`,
      )
    }
    return undefined
  }

  function chooseGroup(): Chosen | undefined {
    if (typeof given.group === 'string') {
      const chosen = named('group', given.group)
      if (!isScalar(chosen.column))
        problems.push(`The field "${chosen.column.name}" cannot be the group: it contains lists or objects.`)
      return chosen
    }
    const wanted = expected.group === undefined ? [] : [plain(expected.group)]
    const fits = leaves.filter(
      (column) =>
        isFree(column) &&
        column !== id?.column &&
        isScalar(column) &&
        column.distinct < column.present &&
        column.distinct >= fewestGroups &&
        // A few large groups are kinds of records, such as a source, and not items that depend on each other.
        Math.max(...(column.counts?.values() ?? [0])) * 4 <= column.records,
    )
    const best = byName(fits, wanted)[0] ?? byName(fits, listOf.group)[0]
    return (
      best && {
        column: best,
        reason: `its name; ${number(best.distinct)} groups of ${(best.present / best.distinct).toFixed(1)} records on average, never divided between training and evaluation`,
      }
    )
  }

  function chooseSlices(): readonly Chosen[] {
    if (given.slices !== undefined) {
      return given.slices.map((name) => {
        const chosen = named('slices', name)
        if (!isScalar(chosen.column))
          problems.push(`The field "${chosen.column.name}" cannot be a slice: it contains lists or objects.`)
        return chosen
      })
    }
    const fits = leaves.filter(
      (column) =>
        isFree(column) &&
        ![id?.column, group?.column].includes(column) &&
        isScalar(column) &&
        column.distinct >= 2 &&
        column.distinct <= maximumSliceValues &&
        whyNoLabels(column) === undefined,
    )
    return byName(fits, listOf.slices)
      .slice(0, maximumSlices)
      .map((column) => ({ column, reason: `its name; ${number(column.distinct)} values, each judged separately` }))
  }
}

/** Some values are longer than a word: a column of codes is no input. */
const isWordy = ({ meanLength, distinct, present }: Column) => meanLength >= 8 || distinct * 2 > present

const plain = (name: string) => name.toLowerCase().replace(/[\s_-]+/g, '')

const nameIs = ({ path }: Column, list: readonly string[]) => list.includes(plain(path.at(-1)!))

/** Columns with one of the names, in the order of the names; outer ones before nested ones. */
function byName(columns: readonly Column[], list: readonly string[]): readonly Column[] {
  const place = (column: Column) => list.indexOf(plain(column.path.at(-1)!))
  return columns
    .filter((column) => place(column) >= 0)
    .sort((one, other) => place(one) - place(other) || one.path.length - other.path.length)
}

function columnNamed(columns: readonly Column[], part: string, name: string): Column {
  const found = columns.find((column) => column.name === name)
  if (found !== undefined) return found
  const all = columns.map((column) => column.name)
  const nearest = nearestName(name, all)
  throw new SheikhError(
    'invalid-options',
    `Cannot import the data: no record has the field "${name}" (--${part}). ${nearest === undefined ? `The fields are ${all.slice(0, 20).join(', ')}.` : `Did you mean "${nearest}"?`}`,
    { facts: { field: name } },
  )
}
