import fc from 'fast-check'

// Half of them ASCII. Halves of surrogate pairs are left out, since they are no characters.
const codePoint = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0, max: 0x10_f7ff }).map((number) => (number < 0xd800 ? number : number + 0x800)),
)
const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

/**
 * Text of any characters, and names that every object has. As `fc.string({ unit: 'binary' })`, which first makes a table of
 * all 1.1 million characters: that takes a second.
 */
export function anyText({ maxLength }: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  const limits = maxLength === undefined ? {} : { maxLength }
  const texts = fc.array(codePoint, limits).map((points) => String.fromCodePoint(...points))
  const known = names.filter((name) => name.length <= (maxLength ?? Infinity))
  if (known.length === 0) return texts
  return fc.oneof({ weight: 9, arbitrary: texts }, { weight: 1, arbitrary: fc.constantFrom(...known) })
}
