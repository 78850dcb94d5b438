import { resolve } from 'node:path'
import { SheikhError } from '../core/index.js'

/** The absolute path of a setting. A path of the configuration never leaves the project. @throws `invalid-config`. */
export function inside(root: string, path: string, file = 'dataset/config.yaml'): string {
  const found = resolve(root, path)
  if (found.startsWith(`${resolve(root)}/`)) return found
  throw new SheikhError('invalid-config', `Cannot read "${path}": it is outside the project. Move the file into it.`, {
    facts: { file },
  })
}
