import type { Json } from '../core/index.js'
import type { DriftItem } from './drift.js'

/** The values of one part of the items, without those that lack it. */
export type Column =
  | { readonly kind: 'numbers'; readonly part: string; readonly reference: Float64Array; readonly live: Float64Array }
  | {
      readonly kind: 'categories' | 'texts'
      readonly part: string
      readonly reference: readonly string[]
      readonly live: readonly string[]
    }

/** Fewer values cannot be compared: the classifier of words trains on a half and is tested with the other. */
const fewestValues = 8
const mostFields = 100
/** Texts that are longer than names are texts, even if they repeat. */
const longestCategory = 100

type Values = readonly (Json | undefined)[]

/** The parts of items that both sides have, as columns of one kind. */
export function columnsOf(reference: readonly DriftItem[], live: readonly DriftItem[]) {
  const columns: Column[] = []
  const skipped: { part: string; reason: string }[] = []
  const add = (part: string, before: Values, now: Values) => {
    const made = columnOf(part, before.filter(isPresent), now.filter(isPresent))
    if ('reason' in made) skipped.push(made)
    else columns.push(made)
  }
  const some = (items: readonly DriftItem[], part: 'answer' | 'confidence') =>
    items.some((item) => item[part] !== undefined)
  for (const part of ['answer', 'confidence'] as const)
    if (some(reference, part) || some(live, part))
      add(
        part,
        reference.map((item) => item[part]),
        live.map((item) => item[part]),
      )
  const [before, now] = [reference.map(({ input }) => input), live.map(({ input }) => input)]
  if (before.every(isObject) && now.every(isObject)) {
    // Those of the reference first: clients choose the names of live fields, and could crowd out the project's own.
    const names = [...new Set([...namesIn(before), ...namesIn(now)])]
    for (const name of names.slice(0, mostFields))
      add(
        `input.${name}`,
        before.map((input) => fieldOf(input, name)),
        now.map((input) => fieldOf(input, name)),
      )
    if (names.length > mostFields)
      skipped.push({ part: 'input', reason: `only the first ${mostFields} of ${names.length} fields are compared` })
  } else add('input', before, now)
  return { columns, skipped }
}

type Fields = Readonly<Record<string, Json>>

const isPresent = (value: Json | undefined): value is Json => value !== undefined && value !== null

const isObject = (value: Json): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const namesIn = (inputs: readonly Fields[]) => [...new Set(inputs.flatMap((input) => Object.keys(input)))].sort()

const fieldOf = (input: Fields, name: string): Json | undefined =>
  Object.hasOwn(input, name) ? input[name] : undefined

function columnOf(
  part: string,
  before: readonly Json[],
  now: readonly Json[],
): Column | { readonly part: string; readonly reason: string } {
  const [least, values] = [Math.min(before.length, now.length), [...before, ...now]]
  if (least < fewestValues)
    return { part, reason: `there are ${before.length} values in the reference and ${now.length} live ones` }
  if (values.every((value) => typeof value === 'number'))
    return {
      kind: 'numbers',
      part,
      reference: Float64Array.from(before as number[]),
      live: Float64Array.from(now as number[]),
    }
  if (values.some((value) => typeof value === 'object')) return { part, reason: 'the values are lists or objects' }
  const [reference, live] = [before.map(String), now.map(String)]
  const all = [...reference, ...live]
  // Names repeat and are short: five of each, on average.
  const isName = new Set(all).size <= all.length / 5 && all.every((text) => text.length <= longestCategory)
  return { kind: isName ? 'categories' : 'texts', part, reference, live }
}
