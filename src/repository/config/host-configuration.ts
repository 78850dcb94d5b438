import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSheikhError, messageOf } from '../../core/index.js'
import type { Source } from '../../dataset/index.js'
import type { Check } from '../../gate/index.js'
import type { Pipeline, Stage } from '../../pipeline/index.js'
import type { Releaser } from '../../releaser/index.js'
import type { Trainer } from '../../trainer/index.js'
import { hostConfigurationPaths } from '../layout.js'
import { invalidConfig } from './read-yaml.js'

/** What `sheikh.config.ts` may export, as its default: a part of its own in the place of one that the YAML describes. */
export interface HostConfiguration {
  readonly trainer?: Trainer<never, never> | undefined
  /** In place of those of the YAML. */
  readonly checks?: readonly Check[] | undefined
  readonly source?: Source | undefined
  readonly releaser?: Releaser | undefined
  readonly stages?: readonly Stage[] | undefined
  /** In place of everything. */
  readonly pipeline?: Pipeline<never, never> | undefined
}

/** Only for the types: `export default defineConfig({ … })`. */
export function defineConfig(configuration: HostConfiguration): HostConfiguration {
  return configuration
}

/**
 * Runs the project's `sheikh.config.{ts,mjs}`, where there is one. It is code: never call this on a checkout that is not
 * trusted where secrets are.
 *
 * @throws `invalid-config` with what it threw as the cause.
 */
export async function loadHostConfiguration(root: string): Promise<HostConfiguration | undefined> {
  const file = hostConfigurationPaths.find((name) => existsSync(join(root, name)))
  if (file === undefined) return undefined
  try {
    const { createJiti } = await import('jiti')
    // Evaluated, not imported: Node keeps an imported module for good, and an edited file is another configuration.
    const jiti = createJiti(join(root, file), { fsCache: false, moduleCache: false })
    const source = await readFile(join(root, file), 'utf8')
    const module = await jiti.evalModule(source, { filename: join(root, file), async: true, forceTranspile: true })
    const found = (module as { readonly default?: unknown }).default
    if (typeof found !== 'object' || found === null) throw invalidConfig(file, 'its default export is not an object')
    return found as HostConfiguration
  } catch (error) {
    if (isSheikhError(error, 'invalid-config')) throw error
    throw invalidConfig(file, messageOf(error), {}, error)
  }
}
