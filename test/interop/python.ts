import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const interopFolder = join(import.meta.dirname, '../../node_modules/.cache/interop')
export const requirements = join(import.meta.dirname, 'requirements.txt')
/** Written last: what it names is installed, whole. */
export const installed = join(interopFolder, 'requirements.txt')
export const python = join(
  interopFolder,
  ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
)

/** The Python that `npm run setup:interop` made, with the packages that are asked for now; `undefined` where there is none. */
export function interopPython(): string | undefined {
  const current = existsSync(installed) && readFileSync(installed, 'utf8') === readFileSync(requirements, 'utf8')
  return current && existsSync(python) ? python : undefined
}

/** Runs a program of this folder on JSON, and gives the JSON that it prints. */
export function askPython(program: string, question: unknown): unknown {
  const answer = execFileSync(interopPython()!, [join(import.meta.dirname, program)], {
    input: JSON.stringify(question),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  return JSON.parse(answer)
}
