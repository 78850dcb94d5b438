import { basename, dirname, join, relative } from 'node:path'
import type { Git } from './git/index.js'

/**
 * The folder of a project that all work trees share, as they share its ledger: in a linked work tree, the project's folder
 * in the main one.
 *
 * @param root the project's folder in this work tree.
 */
export function sharedFolder({ root: top, directory, commonDirectory }: Git, root: string): string {
  // A repository of another name, as `git init --separate-git-dir` makes, does not tell where its main work tree is.
  if (directory === commonDirectory || basename(commonDirectory) !== '.git') return root
  return join(dirname(commonDirectory), relative(top, root))
}
