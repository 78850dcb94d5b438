import { hexOf, type Json, type JsonObject } from '../../core/index.js'
import { digestSample } from '../../dataset/index.js'
import { counted, kindOf, valueAt } from './columns.js'
import type { LeftOutRecord, ProposedProjection, SourceRecord } from './plan.js'
import type { Chosen, ChosenColumns } from './propose-projection.js'

/** Field names that the project's settings demand; absent: the names of the source are kept. */
export interface DemandedFields {
  readonly id?: string | undefined
  readonly input?: string | undefined
  readonly target?: string | undefined
  readonly group?: string | undefined
}

export interface MadeSample {
  readonly id: string
  readonly sample: JsonObject
  readonly place: string
}

export interface MadeSamples {
  readonly samples: readonly MadeSample[]
  readonly projection: ProposedProjection
  readonly leftOut: readonly { readonly reason: LeftOutRecord; readonly place: string }[]
  readonly notes: readonly string[]
}

type Part = 'id' | 'input' | 'target' | 'group' | 'slice'

/** A field of the samples, and where its value comes from. */
interface Field {
  readonly part: Part
  readonly name: string
  readonly chosen: Chosen
}

/**
 * Turns records into samples: chosen fields get their names and types, further fields are kept. Records without an input or a
 * target are left out, and so are copies. A record without an id gets one from a digest of its content, which stays the same
 * when lines are moved.
 */
export function makeSamples(
  records: readonly SourceRecord[],
  columns: ChosenColumns & { readonly input: Chosen; readonly target: Chosen },
  demanded: DemandedFields,
): MadeSamples {
  const outer = new Set(records.flatMap(({ value }) => Object.keys(value)))
  const fields = fieldsOf(columns, demanded, outer)
  const idName = fields.find(({ part }) => part === 'id')?.name ?? demanded.id ?? 'id'
  const taken = new Set([idName, ...fields.map(({ name }) => name)])
  const moved = new Set(fields.map(({ chosen }) => JSON.stringify(chosen.column.path)))
  const renamed = new Map<string, string>()
  for (const key of outer)
    if (taken.has(key) && !moved.has(JSON.stringify([key]))) renamed.set(key, freeName(`source_${key}`, outer, taken))

  const samples: MadeSample[] = []
  const leftOut: { reason: LeftOutRecord; place: string }[] = []
  const seen = new Set<string>()
  const made = { ids: 0, numbers: 0, trimmed: 0 }
  for (const { value, place } of records) {
    const one = sampleOf(value)
    if (typeof one === 'string') leftOut.push({ reason: one, place })
    else if (seen.has(one.id)) leftOut.push({ reason: 'copy', place })
    else {
      seen.add(one.id)
      samples.push({ ...one, place })
    }
  }
  return { samples, projection: projectionOf(), leftOut, notes: notesOf() }

  function sampleOf(value: Readonly<Record<string, Json>>): { id: string; sample: JsonObject } | LeftOutRecord {
    const chosen: [string, Json][] = []
    let rest = value
    let id: string | undefined
    for (const { part, name, chosen: from } of fields) {
      const found = valueAt(value, from.column.path)
      rest = without(rest, from.column.path)
      if (kindOf(found) === undefined) {
        if (part === 'input') return 'no-input'
        if (part === 'target') return 'no-target'
        // An empty group would be one group of all records without one.
        continue
      }
      if (part === 'id') id = String(found)
      else chosen.push([name, part === 'group' || part === 'slice' ? found! : asText(found!, part)])
    }
    const content = Object.fromEntries([
      ...chosen,
      ...Object.entries(rest).map(([key, member]) => [renamed.get(key) ?? key, member] as const),
    ])
    const digest = digestSample(content)
    if (digest === undefined || digestSample(id ?? '') === undefined) return 'not-json'
    if (id === undefined) {
      id = hexOf(digest).slice(0, 16)
      made.ids += 1
    }
    return { id, sample: { [idName]: id, ...content } }
  }

  function asText(value: Json, part: 'input' | 'target'): string {
    if (typeof value !== 'string') made.numbers += 1
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (part === 'input') return text
    // Labels that differ only here look the same to a person, and are different ones to a model.
    const label = text.trim().normalize('NFC')
    if (label !== text) made.trimmed += 1
    return label
  }

  function projectionOf(): ProposedProjection {
    const choice = ({ name, chosen }: Field) => ({
      field: name,
      from: chosen.column.name,
      reason: chosen.reason,
    })
    const of = (part: Part) => fields.filter((field) => field.part === part).map(choice)
    const [group] = of('group')
    return {
      id: of('id')[0] ?? { field: idName, reason: 'no field has ids; made from a digest of the content' },
      input: of('input')[0]!,
      target: of('target')[0]!,
      ...(group !== undefined && { group }),
      slices: of('slice'),
    }
  }

  function notesOf(): readonly string[] {
    const { ids, numbers, trimmed } = made
    return [
      ...[...renamed].map(([key, name]) => `The field "${key}" is written as "${name}".`),
      ...(ids > 0 && columns.id !== undefined
        ? [`${counted(ids, 'record')} without an id: the import makes ids from a digest of the content.`]
        : []),
      ...(numbers > 0
        ? [`Numbers and booleans become text in ${counted(numbers, 'place')}, because inputs and labels are texts.`]
        : []),
      ...(trimmed > 0
        ? [`The import removes white space around ${counted(trimmed, 'label')}, or changes their Unicode form to NFC.`]
        : []),
    ]
  }
}

function fieldsOf(
  { id, input, target, group, slices }: ChosenColumns & { readonly input: Chosen; readonly target: Chosen },
  demanded: DemandedFields,
  outer: ReadonlySet<string>,
): readonly Field[] {
  const names = new Set<string>()
  const field = (part: Part, chosen: Chosen, wanted: string | undefined): Field => {
    const { path } = chosen.column
    const own = path.length > 1 && outer.has(path.at(-1)!) ? path.join('_') : path.at(-1)!
    const name = wanted ?? (names.has(own) ? freeName(`${own}_${part}`, outer, names) : own)
    names.add(name)
    return { part, name, chosen }
  }
  return [
    ...(id === undefined ? [] : [field('id', id, demanded.id)]),
    field('input', input, demanded.input),
    field('target', target, demanded.target),
    ...(group === undefined ? [] : [field('group', group, demanded.group)]),
    ...slices.map((slice) => field('slice', slice, undefined)),
  ]
}

function freeName(name: string, ...used: readonly ReadonlySet<string>[]): string {
  let free = name
  for (let next = 2; used.some((names) => names.has(free)); next += 1) free = `${name}_${next}`
  return free
}

function without(record: Readonly<Record<string, Json>>, path: readonly string[]): Readonly<Record<string, Json>> {
  const [key, ...below] = path as [string, ...string[]]
  if (!Object.hasOwn(record, key)) return record
  const members = Object.entries(record)
  if (below.length === 0) return Object.fromEntries(members.filter(([name]) => name !== key))
  const inner = record[key]
  if (kindOf(inner) !== 'object') return record
  const left = without(inner as JsonObject, below)
  return Object.fromEntries(
    members.flatMap(([name, member]) =>
      name !== key ? [[name, member]] : Object.keys(left).length === 0 ? [] : [[name, left]],
    ),
  )
}
