/** What stands under a key of a file: checked by `readYaml`, and not typed. */
export type Values = Readonly<Record<string, unknown>>

/** What is found along a path of keys; nothing where a key is absent. */
export function valuesAt(value: Values, ...path: readonly string[]): Values {
  let found: unknown = value
  for (const name of path)
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, name) ? (found as Values)[name] : undefined
  return typeof found === 'object' && found !== null ? (found as Values) : {}
}

export const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)
export const listOf = (value: unknown): readonly Values[] =>
  Array.isArray(value) ? value.filter((item): item is Values => typeof item === 'object' && item !== null) : []
/** The first that is a count: what is not is said to have no effect. */
export const countOf = (...values: readonly unknown[]) =>
  values.find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 1)
/** The first that is a number. */
export const firstNumber = (...values: readonly unknown[]) =>
  values.find((value): value is number => typeof value === 'number')
