import { createRequire } from 'node:module'

let version: string | undefined

/** The version of this package. */
export function packageVersion(): string {
  version ??= (createRequire(import.meta.url)('sheikh-freemium/package.json') as { readonly version: string }).version
  return version
}
