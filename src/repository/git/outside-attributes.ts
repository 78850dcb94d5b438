import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Git } from './git.js'
import { homeOfUser } from './isomorphic/git-settings.js'
import type { EnvironmentVariables } from './native/git-program.js'

/**
 * The texts of the attribute files that are not in the work tree: of the clone, the system and the user, in the order of
 * gitattributes(5). Empty for a file that does not exist.
 *
 * @returns `undefined` if a setting names a file that cannot be found from here.
 */
export async function outsideAttributes(
  commonDirectory: string,
  settings: Pick<Git, 'config'>,
  environment: EnvironmentVariables,
): Promise<readonly string[] | undefined> {
  const home = environment['HOME'] || homeOfUser()
  const configured = environment['XDG_CONFIG_HOME'] || join(home, '.config')
  const named = (await settings.config('core.attributesfile')) ?? join(configured, 'git/attributes')
  const own = named.startsWith('~/') ? join(home, named.slice(2)) : named
  // An empty setting names no file.
  if (own !== '' && !isAbsolute(own)) return undefined
  const files = [join(commonDirectory, 'info/attributes'), '/etc/gitattributes', ...(own === '' ? [] : [own])]
  return Promise.all(files.map((path) => readFile(path, 'utf8').catch(() => '')))
}
