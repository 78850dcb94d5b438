import type { Author } from './git.js'
import type { EnvironmentVariables } from './native/git-program.js'

/**
 * The author of a commit that git would make now, from its settings and variables. Git's guess from the host's name does
 * not count.
 */
export async function identityIn(
  config: (key: string) => Promise<string | undefined>,
  environment: EnvironmentVariables,
): Promise<Author | undefined> {
  const setting = async (key: string) => (await config(`author.${key}`)) ?? (await config(`user.${key}`))
  const name = plain(environment['GIT_AUTHOR_NAME'] || (await setting('name')))
  const email = plain(environment['GIT_AUTHOR_EMAIL'] || (await setting('email')) || environment['EMAIL'])
  return name && email ? { name, email } : undefined
}

/** Without what would end a name in a commit. */
const plain = (text: string | undefined) => text?.replaceAll(/[<>\n]/g, '').trim()
