/** Calls back for each text in a value, with its JSON Pointer (RFC 6901). Names of members count as texts of their object. */
export function eachText(value: unknown, found: (text: string, pointer: string) => void, pointer = ''): void {
  if (typeof value === 'string') found(value, pointer)
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) eachText(item, found, `${pointer}/${index}`)
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) {
      found(name, pointer)
      eachText(member, found, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    }
}
