import { relative } from 'node:path'
import type { Git } from './git.js'

/** A path below the repository's root, with forward slashes. Empty for the root; begins with `../` outside it. */
export const belowRoot = (git: Pick<Git, 'root'>, path: string): string =>
  relative(git.root, path).replaceAll('\\', '/')
