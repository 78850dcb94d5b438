import { resolve } from 'node:path'
import { plainPath, SheikhError } from '../core/index.js'
import type { Terminal } from './command.js'

/** Resolves a path from the command line against the working directory. @param name the option as errors name it: `--out`. @throws `invalid-options`. */
export function terminalPath({ cwd }: Pick<Terminal, 'cwd'>, path: string, name: string): string {
  // As from `--project "$FOLDER"` with an unset variable. It would mean the working directory.
  if (path === '') throw new SheikhError('invalid-options', `Cannot use ${name}: the path is empty. Name a path.`)
  return resolve(cwd, plainPath(path, name))
}
