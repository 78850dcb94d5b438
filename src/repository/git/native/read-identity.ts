import type { Author } from '../git.js'
import type { GitProgram } from './git-program.js'

/** The author of a commit that git would make now. Git's guess from the host's name does not count. */
export async function readIdentity(program: GitProgram): Promise<Author | undefined> {
  const { status, output } = await program.ask(['-c', 'user.useConfigOnly=true', 'var', 'GIT_AUTHOR_IDENT'])
  if (status !== 0) return undefined
  const [, name, email] = /^(.*) <(.*)> \d+ [+-]\d+\n?$/s.exec(output.toString()) ?? []
  return name === undefined || name === '' || email === undefined || email === '' ? undefined : { name, email }
}
