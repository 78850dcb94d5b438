/** The 32-bit FNV-1a hash of the UTF-16 units of a text. For ASCII it is the published FNV-1a. */
function fnv32a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/**
 * Where a unit stands in a live test: a multiple of 0.0001 in [0, 1), always the same for the same seed and unit.
 *
 * Source: version 2 of GrowthBook's hash, so that warehouses and flags that use it agree.
 */
export const unitPosition = (seed: string, unit: string): number =>
  (fnv32a(String(fnv32a(seed + unit))) % 10_000) / 10_000

/**
 * The variant of a unit, as GrowthBook divides two variants with the weights 1 − share and share. A unit that has the
 * treatment keeps it when the share grows.
 *
 * @param seed the name of the live test.
 * @param share of units that get the treatment: 0..1.
 */
export const variantOf = (seed: string, unit: string, share: number): 'control' | 'treatment' =>
  unitPosition(seed, unit) >= 1 - share ? 'treatment' : 'control'
