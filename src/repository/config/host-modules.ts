import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hostConfigurationPaths } from '../layout.js'

export interface HostModules {
  /** Files that the configuration imports by a path, directly or through one another; absolute. */
  readonly files: readonly string[]
  /** Files of packages that are neither installed nor elsewhere, but in this repository: those of a workspace. */
  readonly workspaceFiles: readonly string[]
}

const parsed = new Set(['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx'])

// import … from '…', export … from '…', import '…', import('…'), require('…'), import.meta.resolve('…').
const importPattern = /(?:\bfrom|\bimport|\brequire|\.resolve)\s*\(?\s*(?:\/\*.*?\*\/\s*)?(["'`])([^"'`\n$]+)\1/g
// new URL('./model.js', import.meta.url): how a worker's module, or a program, is named.
const urlPattern = /\bnew\s+URL\(\s*(["'`])([^"'`\n$]+)\1\s*,\s*import\.meta\.url/g

/**
 * The files that a project's `sheikh.config.*` loads: found by the specifiers in the sources, so that nothing is run. A
 * specifier that is computed is not found.
 *
 * @param repositoryRoot the folder in which a package counts as one of the workspace.
 */
export async function hostModules(root: string, repositoryRoot: string): Promise<HostModules> {
  const files = new Set<string>()
  const workspaceFiles = new Set<string>()
  const start = hostConfigurationPaths.map((name) => join(root, name)).filter((path) => existsSync(path))
  if (start.length === 0) return { files: [], workspaceFiles: [] }
  const { createJiti } = await import('jiti')
  const jiti = createJiti(join(root, 'sheikh.config.ts'), { fsCache: false })
  const pending = start.map((path) => ({ path, found: files }))
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, found } = next
    if (!parsed.has(extname(path))) continue
    const source = await readFile(path, 'utf8').catch(() => '')
    const specifiers = [...source.matchAll(importPattern)].map((match) => match[2]!)
    const urls = [...source.matchAll(urlPattern)].map((match) => resolve(dirname(path), match[2]!))
    for (const { to, isPackage } of [...specifiers.map((specifier) => target(path, specifier)), ...urls.map(asFile)]) {
      if (to === undefined || files.has(to) || workspaceFiles.has(to) || to.includes(`${sep}node_modules${sep}`))
        continue
      if (isPackage && !to.startsWith(`${repositoryRoot}${sep}`)) continue
      const list = isPackage ? workspaceFiles : found
      list.add(to)
      pending.push({ path: to, found: list })
    }
  }
  return { files: [...files].filter((path) => !start.includes(path)), workspaceFiles: [...workspaceFiles] }

  function target(from: string, specifier: string) {
    const isPackage = !/^(\.|\/|file:|#)/.test(specifier)
    if (/^(node|data|https?):/.test(specifier)) return { to: undefined, isPackage }
    const resolved = jiti.esmResolve(specifier, { parentURL: from, try: true })
    const to = resolved?.startsWith('file:') === true ? fileURLToPath(resolved) : resolved
    return { to: to !== undefined && existsSync(to) ? to : undefined, isPackage }
  }
}

const asFile = (path: string) => ({ to: existsSync(path) ? path : undefined, isPackage: false })
