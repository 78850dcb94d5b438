import { fieldOf } from '../row-projection.js'
import type { QualityOrigin } from './quality-options.js'

/** The licence or the source of a sample: its own, that of its folder, or that of the dataset. */
export function originOf(
  sample: unknown,
  folder: string | undefined,
  { field, byFolder = {}, value }: QualityOrigin & { readonly field: string },
): string | undefined {
  const own = ownOf(sample, field)
  if (own !== undefined) return own
  return folder !== undefined && Object.hasOwn(byFolder, folder) ? byFolder[folder] : value
}

function ownOf(sample: unknown, field: string): string | undefined {
  if (typeof sample !== 'object' || sample === null) return undefined
  const own = fieldOf(sample, field)
  return typeof own === 'string' && own.trim() !== '' ? own.trim() : undefined
}

/** Whether a value is in a list, whatever its letter case. SPDX identifiers are compared without case. */
export const isAllowed = (value: string | undefined, allowed: readonly string[]): boolean =>
  value !== undefined && allowed.some((one) => one.toLowerCase() === value.toLowerCase())
