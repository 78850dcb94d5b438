import { resolve } from 'node:path'
import { plainPath } from '../core/index.js'
import type { Terminal } from './command.js'

/** A path of the command line, below the working directory. @param name as errors name it: `--out`. @throws `invalid-options`. */
export const terminalPath = ({ cwd }: Pick<Terminal, 'cwd'>, path: string, name: string): string =>
  resolve(cwd, plainPath(path, name))
