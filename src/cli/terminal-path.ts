import { resolve } from 'node:path'
import { plainPath } from '../core/index.js'
import type { Terminal } from './command.js'

/** Resolves a path from the command line against the working directory. @param name the option as errors name it: `--out`. @throws `invalid-options`. */
export const terminalPath = ({ cwd }: Pick<Terminal, 'cwd'>, path: string, name: string): string =>
  resolve(cwd, plainPath(path, name))
