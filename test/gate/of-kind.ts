import type { Finding } from '../../src/gate/index.js'

/** The finding, which must be of this kind. */
export function ofKind<K extends Finding['kind']>(
  kind: K,
  finding: Finding | undefined,
): Extract<Finding, { readonly kind: K }> {
  if (finding?.kind !== kind)
    throw new Error(`Expected a finding of kind "${kind}", but got ${JSON.stringify(finding)}.`)
  return finding as Extract<Finding, { readonly kind: K }>
}
