import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'

export const dvcVersion = '3.67.0'
const folder = join(interopFolder, '../interop-dvc')
/** Named for the version, and written last: an older or unfinished installation is not used. */
const done = join(folder, `dvc==${dvcVersion}`)

/** The program of DVC that `npm run bench -- data` measures; `undefined` if it is not installed. */
export const dvcProgram = (): string | undefined => (existsSync(done) ? join(folder, 'bin/dvc') : undefined)

/** @returns why it cannot be installed, in words. */
export function setUpDvc(): string | undefined {
  if (dvcProgram() !== undefined) return undefined
  rmSync(folder, { recursive: true, force: true })
  try {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' })
    const pip = ['-m', 'pip', 'install', '--no-input', '--retries', '1', `dvc==${dvcVersion}`]
    execFileSync(join(folder, 'bin/python'), pip, { stdio: 'ignore' })
    execFileSync(join(folder, 'bin/dvc'), ['--version'], { stdio: 'ignore' })
    writeFileSync(done, '')
    return undefined
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return `DVC cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
}
