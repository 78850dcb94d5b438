import { posix } from 'node:path'
import { loadConfiguration, loadHostConfiguration } from './config/index.js'
import { commit } from './git/commit.js'
import type { Author } from './git/index.js'
import type { OpenedProject } from './opened-project.js'
import { codeOf, committedPaths } from './provenance.js'

/** As `Repository.commit`. */
export async function commitProject(
  project: OpenedProject,
  { message, author }: { readonly message: string; readonly author?: Author | undefined },
): Promise<string> {
  const { git, root, prefix, context } = project
  // A configuration that cannot be used may be committed all the same; it names no schema.
  const configuration = await loadConfiguration(root, context).catch(() => undefined)
  context.signal.throwIfAborted()
  const host = await loadHostConfiguration(root).catch(() => undefined)
  const modules = await codeOf(project, host?.trainer)
  const paths = [...committedPaths(project, configuration, modules), posix.join(prefix, '.gitignore')]
  return commit(git, { message, author, paths }, context)
}
