import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { EnvironmentVariables } from '../native/git-program.js'
import { parseConfig, type Setting } from './config-text.js'

/** Git's settings from everywhere that git looks for them. Of a setting that is given twice, the later one counts. */
export interface GitSettings {
  get(key: string): Promise<string | undefined>
  /** The keys of a section, in lower case. */
  names(section: string): readonly string[]
  /** For what the library cannot do: why the program `git` is not used. */
  readonly remedy: string
}

/** git stops here too. */
const deepestInclude = 10

/** Reads system, global, local and worktree settings, the files that they include, and `GIT_CONFIG_COUNT`. */
export async function gitSettings(
  root: string,
  environment: EnvironmentVariables,
  remedy: string,
): Promise<GitSettings> {
  const folder = join(root, '.git')
  const home = environment['HOME'] || homeOfUser()
  const context = { home, folder, branch: await currentBranch(folder) }
  const settings: Setting[] = []
  for (const path of [...settingsFiles(environment), join(folder, 'config')]) await readInto(settings, path, context)
  if (/^(true|yes|on|1)$/i.test(last(settings, 'extensions.worktreeconfig') ?? ''))
    await readInto(settings, join(folder, 'config.worktree'), context)
  for (let index = 0; index < Number(environment['GIT_CONFIG_COUNT'] ?? 0); index += 1) {
    const [key, value] = [environment[`GIT_CONFIG_KEY_${index}`], environment[`GIT_CONFIG_VALUE_${index}`]]
    if (key !== undefined && value !== undefined) settings.push({ key: normalKey(key), value })
  }
  return {
    remedy,
    get: async (key) => last(settings, normalKey(key)) || undefined,
    names(section) {
      const prefix = `${section.toLowerCase()}.`
      const keys = settings.filter(({ key }) => key.startsWith(prefix)).map(({ key }) => key.slice(prefix.length))
      return [...new Set(keys)]
    },
  }
}

/** Empty for a user that the system does not know, as in a container: then there are no global settings. */
export function homeOfUser(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}

/** System and global files, in the order of git-config(1), "FILES". */
export function settingsFiles(environment: EnvironmentVariables): readonly string[] {
  const home = environment['HOME'] || homeOfUser()
  const { GIT_CONFIG_NOSYSTEM: noSystem, GIT_CONFIG_SYSTEM: system, GIT_CONFIG_GLOBAL: global } = environment
  const systemFiles =
    noSystem !== undefined && !/^(|0|false|no|off)$/i.test(noSystem) ? [] : [system ?? '/etc/gitconfig']
  if (global !== undefined) return [...systemFiles, global]
  const xdg = environment['XDG_CONFIG_HOME'] || (home === '' ? '' : join(home, '.config'))
  const globalFiles = [xdg === '' ? '' : join(xdg, 'git/config'), home === '' ? '' : join(home, '.gitconfig')]
  return [...systemFiles, ...globalFiles.filter((path) => path !== '')]
}

interface Including {
  readonly home: string
  readonly folder: string
  readonly branch: string
}

async function readInto(settings: Setting[], path: string, context: Including, depth = 0): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined || depth > deepestInclude) return
  for (const setting of parseConfig(text)) {
    settings.push(setting)
    const condition = /^includeif\.(.*)\.path$/s.exec(setting.key)?.[1]
    if (setting.key !== 'include.path' && (condition === undefined || !applies(condition, path, context))) continue
    await readInto(settings, expand(setting.value, path, context.home), context, depth + 1)
  }
}

function expand(value: string, from: string, home: string): string {
  if (value.startsWith('~/')) return join(home, value.slice(2))
  return isAbsolute(value) ? value : resolve(dirname(from), value)
}

/** The conditions of `includeIf`, but for `hasconfig`. */
function applies(condition: string, from: string, { home, folder, branch }: Including): boolean {
  const [, kind, pattern] = /^(gitdir|gitdir\/i|onbranch):(.*)$/s.exec(condition) ?? []
  if (kind === undefined || pattern === undefined) return false
  const whole = pattern.endsWith('/') ? `${pattern}**` : pattern
  if (kind === 'onbranch') return matches(whole, branch)
  const isRooted = /^(~\/|\.\/|\/)/.test(whole)
  const rooted = isRooted ? expand(whole.replace(/^\.\//, `${dirname(from)}/`), from, home) : `**/${whole}`
  return matches(rooted, folder, kind === 'gitdir/i')
}

/** `*` and `?` within a name, `**` across names. */
function matches(pattern: string, text: string, anyCase = false): boolean {
  const source = pattern.replace(/\*\*\/|\*\*|[*?]|[.+^${}()|[\]\\]/g, (token) =>
    token === '**/'
      ? '(?:.*/)?'
      : token === '**'
        ? '.*'
        : token === '*'
          ? '[^/]*'
          : token === '?'
            ? '[^/]'
            : `\\${token}`,
  )
  return new RegExp(`^${source}$`, anyCase ? 'is' : 's').test(text)
}

async function currentBranch(folder: string): Promise<string> {
  const head = await readFile(join(folder, 'HEAD'), 'utf8').catch(() => '')
  return /^ref: refs\/heads\/(.*)\n?$/.exec(head)?.[1] ?? ''
}

const last = (settings: readonly Setting[], key: string) => settings.findLast((setting) => setting.key === key)?.value

/** Section and key in lower case; a subsection between them as it is. */
export function normalKey(key: string): string {
  const [first, end] = [key.indexOf('.'), key.lastIndexOf('.')]
  return key.slice(0, first).toLowerCase() + key.slice(first, end) + key.slice(end).toLowerCase()
}
