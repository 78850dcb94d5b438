import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, nearestName } from '../../core/index.js'
import type { Source } from '../../dataset/index.js'
import type { Check } from '../../gate/index.js'
import type { Pipeline, Stage } from '../../pipeline/index.js'
import type { Releaser } from '../../releaser/index.js'
import type { Trainer } from '../../trainer/index.js'
import { hostConfigurationPaths } from '../layout.js'
import { invalidConfig } from './read-yaml.js'
import { transpiled } from './transpiled.js'

/** The default export of `sheikh.config.ts`. Each part replaces the part that the YAML files describe. */
export interface HostConfiguration {
  readonly trainer?: Trainer<never, never> | undefined
  /** Replaces all checks of the YAML files. At least one. */
  readonly checks?: readonly Check[] | undefined
  readonly source?: Source | undefined
  readonly releaser?: Releaser | undefined
  readonly stages?: readonly Stage[] | undefined
  /** Replaces every other part. */
  readonly pipeline?: Pipeline<never, never> | undefined
}

/** Types a configuration and returns it unchanged: `export default defineConfig({ trainer })`. */
export function defineConfig(configuration: HostConfiguration): HostConfiguration {
  return configuration
}

/**
 * Runs the project's `sheikh.config.{ts,mts,cts,js,mjs,cjs}`, if there is one. The file is code: never call this function
 * on an untrusted checkout if secrets are in reach.
 *
 * @throws `invalid-config` if there are two such files, the file throws (the error is the `cause`), or its default export
 * has an unknown or mistyped member.
 */
export async function loadHostConfiguration(root: string): Promise<HostConfiguration | undefined> {
  const [file, other] = hostConfigurationPaths.filter((name) => existsSync(join(root, name)))
  if (file === undefined) return undefined
  if (other !== undefined) throw invalidConfig(file, `"${other}" exists too, and only one is read; delete one of them`)
  return parseHostConfiguration(file, await evaluate(root, file))
}

async function evaluate(root: string, file: string): Promise<unknown> {
  try {
    const { createJiti } = await import('jiti')
    // Node caches an imported module until the process ends, so that an edited file would not be seen.
    const options = { fsCache: false, moduleCache: false }
    const translator = createJiti(join(root, file), options)
    const jiti = createJiti(join(root, file), { ...options, transform: transpiled(translator) })
    const source = await readFile(join(root, file), 'utf8')
    const module = await jiti.evalModule(source, { filename: join(root, file), async: true, forceTranspile: true })
    if (typeof module === 'object' && module !== null && 'default' in module) return module.default
    // As Node imports it: `module.exports` is the default export.
    return /\.c[jt]s$/.test(file) ? module : undefined
  } catch (error) {
    throw invalidConfig(file, messageOf(error), {}, error)
  }
}

const described = ['name', 'describe']
/** What each member must have to be used at all. */
const members: Readonly<Record<keyof HostConfiguration, readonly string[]>> = {
  trainer: [...described, 'fit', 'load'],
  checks: [...described, 'examine'],
  source: [...described, 'list'],
  releaser: [...described, 'current', 'prepare', 'publish'],
  stages: [...described, 'run'],
  pipeline: ['run', 'plan'],
}
const lists: ReadonlySet<string> = new Set(['checks', 'stages'])

function parseHostConfiguration(file: string, found: unknown): HostConfiguration {
  const known = Object.keys(members)
  const fail = (fact: string) => invalidConfig(file, fact)
  if (found === undefined)
    throw fail(
      'it has no default export; write export default defineConfig({ … }), with defineConfig from "sheikh-freemium/repository"',
    )
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw fail(`its default export is not an object with ${known.join(', ')}`)
  for (const [name, value] of Object.entries(found)) {
    if (!Object.hasOwn(members, name)) {
      const nearest = nearestName(name, known)
      throw fail(
        `its default export has the unknown member "${name}". ${nearest === undefined ? '' : `Did you mean "${nearest}"? `}Known are ${known.join(', ')}`,
      )
    }
    if (value === undefined) continue
    const isList = lists.has(name)
    if (isList !== Array.isArray(value)) throw fail(`"${name}" is ${isList ? 'not a list' : 'a list, not one object'}`)
    if (name === 'checks' && (value as readonly unknown[]).length === 0)
      throw fail(
        '"checks" is an empty list, so the gate would have nothing to decide by; list a check, or leave "checks" out',
      )
    for (const [index, part] of [value].flat().entries()) {
      const lacks = lackOf(part, members[name as keyof HostConfiguration])
      if (lacks !== undefined) throw fail(`"${name}${isList ? `[${index}]` : ''}" ${lacks}`)
    }
  }
  return found as HostConfiguration
}

function lackOf(part: unknown, required: readonly string[]): string | undefined {
  if (typeof part === 'function') return 'is a function; call it, and export what it returns'
  if (typeof part !== 'object' || part === null)
    return `is ${part === null ? 'null' : `a ${typeof part}`}, not an object`
  if (part instanceof Promise) return 'is a promise; await it first'
  const absent = required.filter((name) => {
    const kind = typeof (part as Readonly<Record<string, unknown>>)[name]
    return kind !== (name === 'name' ? 'string' : 'function')
  })
  if (absent.length === 0) return undefined
  return `lacks ${absent.map((name) => (name === 'name' ? 'name (a text)' : `${name}()`)).join(', ')}`
}
