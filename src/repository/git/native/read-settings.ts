import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Git } from '../git.js'
import { normalKey, settingsFiles } from '../isomorphic/git-settings.js'
import type { EnvironmentVariables, GitProgram } from './git-program.js'

/** Looks settings up. They are read once, and again after a file of settings has changed, apart from files that others include. */
export function readSettings(
  program: GitProgram,
  { directory, commonDirectory }: { readonly directory: string; readonly commonDirectory: string },
  environment: EnvironmentVariables,
): Pick<Git, 'config' | 'settings'> {
  const own = [join(commonDirectory, 'config'), join(directory, 'config.worktree')]
  const files = [...settingsFiles(environment), ...own]
  let known: { readonly stamp: string; readonly values: Promise<ReadonlyMap<string, string>> } | undefined
  const values = async () => {
    const stamp = (await Promise.all(files.map(stampOf))).join()
    if (known?.stamp !== stamp) known = { stamp, values: list(program) }
    return known.values
  }
  return {
    config: async (key) => (await values()).get(normalKey(key)) || undefined,
    async settings(section) {
      const prefix = `${section.toLowerCase()}.`
      return [...(await values()).keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
    },
  }
}

async function stampOf(path: string): Promise<string> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined)
  return stats === undefined ? '' : `${stats.mtimeNs}-${stats.ino}-${stats.size}`
}

async function list(program: GitProgram): Promise<ReadonlyMap<string, string>> {
  const output = (await program.run(['config', '--null', '--list'])).toString()
  // The last value of a key counts. A key without a value is true.
  return new Map(
    output.split('\0').map((entry) => {
      const end = entry.indexOf('\n')
      return end < 0 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)]
    }),
  )
}
