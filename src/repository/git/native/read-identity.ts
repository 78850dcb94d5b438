import type { Author } from '../git.js'
import type { GitProgram } from './git-program.js'

/**
 * The author of a commit that git would make now. Git's guess from the host's name does not count.
 *
 * @param email the variable `EMAIL`, which git takes last.
 */
export async function readIdentity(program: GitProgram, email: string | undefined): Promise<Author | undefined> {
  const said = await ask(program)
  return said ?? (email ? ask(program, { GIT_AUTHOR_EMAIL: email }) : undefined)
}

async function ask(program: GitProgram, environment: Readonly<Record<string, string>> = {}) {
  const parameters = ['-c', 'user.useConfigOnly=true', 'var', 'GIT_AUTHOR_IDENT']
  const { status, output } = await program.ask(parameters, { environment })
  if (status !== 0) return undefined
  const [, name, email] = /^(.*) <(.*)> \d+ [+-]\d+\n?$/s.exec(output.toString()) ?? []
  return name && email ? { name, email } : undefined
}
