import { readFile } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Credentials, Git } from '../git/index.js'
import { parseConfig } from '../git/isomorphic/config-text.js'
import { type Failure, pullHint } from './lfs-failed.js'

/** Where a repository's large files come from. */
export type LfsEndpoint =
  | {
      /** The address that `/objects/batch` follows, without credentials. */
      readonly url: URL
      /** In the address that Git's settings contain. */
      readonly credentials?: Credentials | undefined
      /** Whether a token for the Git remote may be sent there: it is the remote's own server, or the user's setting. */
      readonly isTrusted: boolean
    }
  /** The folders of objects of a remote on this machine. */
  | { readonly folders: readonly string[] }
  | { readonly failure: Failure }

/** The folder with `objects/`, which git-lfs shares. https://github.com/git-lfs/git-lfs/blob/main/docs/man/git-lfs-config.adoc */
export async function lfsStorage({
  commonDirectory,
  config,
}: Pick<Git, 'commonDirectory' | 'config'>): Promise<string> {
  return resolve(commonDirectory, (await config('lfs.storage')) ?? 'lfs')
}

/**
 * The endpoint for downloads, by git-lfs's order: `lfs.url`, `remote.<name>.lfsurl`, then the remote's own address. Git's
 * settings come before the file `.lfsconfig`. https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md
 *
 * @param knownHosts hosts that have the same repository at an https address as at an ssh address.
 */
export async function lfsEndpoint(
  { root, branch, config, settings }: Pick<Git, 'root' | 'branch' | 'config' | 'settings'>,
  knownHosts: readonly string[],
): Promise<LfsEndpoint> {
  const shared = await lfsConfig(root)
  const remote = await remoteName({ branch, config, settings })
  const remoteUrl = await config(`remote.${remote}.url`)
  const keys = ['lfs.url', `remote.${remote}.lfsurl`]
  for (const key of keys) {
    const [own, committed] = [await config(key), shared(key)]
    const given = own ?? committed
    if (given === undefined) continue
    const found = addressOf(given, root, knownHosts)
    // Whoever writes a commit must not choose a folder of this machine.
    if ('folders' in found && own === undefined)
      return {
        failure: {
          fact: `the file .lfsconfig names ${JSON.stringify(given.slice(0, 200))}, which is not the address of a server`,
          remedy: `to trust this folder, run: git config ${key} <folder>`,
        },
      }
    if (!('url' in found)) return found
    const isTrusted = own !== undefined || found.url.origin === originOf(remoteUrl, knownHosts)
    return { ...found, isTrusted }
  }
  if (remoteUrl === undefined)
    return {
      failure: {
        fact: `this clone does not have it, and there is no remote "${remote}"`,
        remedy: `copy it into .git/lfs/objects, or add the remote: git remote add ${remote} <url>`,
      },
    }
  const found = addressOf(remoteUrl, root, knownHosts)
  if (!('url' in found)) return found
  const path = found.url.pathname.replace(/\/+$/, '')
  found.url.pathname = `${path.endsWith('.git') ? path : `${path}.git`}/info/lfs`
  return { ...found, isTrusted: true }
}

/** As git-lfs chooses it. */
async function remoteName({ branch, config, settings }: Pick<Git, 'branch' | 'config' | 'settings'>): Promise<string> {
  const current = (await branch())?.replace(/^refs\/heads\//, '')
  const tracked = current === undefined ? undefined : await config(`branch.${current}.remote`)
  // A branch may follow another branch of this clone.
  const chosen = (tracked === '.' ? undefined : tracked) ?? (await config('remote.lfsdefault'))
  if (chosen !== undefined) return chosen
  const remotes = (await settings('remote')).flatMap((name) => /^(.+)\.url$/s.exec(name)?.[1] ?? [])
  return remotes.length === 1 ? remotes[0]! : 'origin'
}

/** The settings that the commit itself has. */
async function lfsConfig(root: string): Promise<(key: string) => string | undefined> {
  const text = await readFile(join(root, '.lfsconfig'), 'utf8').catch(() => '')
  const settings = new Map(parseConfig(text).map(({ key, value }) => [key, value]))
  return (key) => settings.get(key)
}

/** The address with which Git or a user names a repository or an endpoint. */
function addressOf(
  given: string,
  root: string,
  knownHosts: readonly string[],
): { readonly url: URL; readonly credentials?: Credentials | undefined } | Exclude<LfsEndpoint, { readonly url: URL }> {
  const ssh = /^(?:git\+ssh|ssh\+git|ssh):\/\/(?:[^@/]+@)?([^/:]+)(?::\d*)?\/(.+)$/i.exec(given) ?? scpAddress(given)
  if (ssh !== null) {
    const [, host = '', path = ''] = ssh
    if (knownHosts.includes(host.toLowerCase())) return { url: new URL(`https://${host}/${path.replace(/^\/+/, '')}`) }
    const fact = `its remote is reached by ssh (${host}), where only git-lfs can ask for it`
    return { failure: { fact, remedy: `${pullHint}; or set lfs.url to the https address of the Git LFS server` } }
  }
  if (/^https?:\/\//i.test(given) && URL.canParse(given)) {
    const url = new URL(given)
    const [username, password] = [decoded(url.username), decoded(url.password)]
    url.username = ''
    url.password = ''
    url.hash = ''
    url.pathname = url.pathname.replace(/\/+$/, '')
    return { url, ...(username !== '' && { credentials: { username, password } }) }
  }
  const folder = folderOf(given, root)
  if (folder !== undefined && /^[\\/]{2}/.test(folder))
    return { failure: { fact: 'no file can be fetched from a folder of another machine', remedy: pullHint } }
  if (folder !== undefined) return { folders: [join(folder, '.git', 'lfs', 'objects'), join(folder, 'lfs', 'objects')] }
  const scheme = (/^[\w+.-]+:/.exec(given)?.[0] ?? given).slice(0, 200)
  return { failure: { fact: `no file can be fetched from an address with "${scheme}"`, remedy: pullHint } }
}

/** `git@host:path`. One letter is a drive of Windows. */
const scpAddress = (given: string) =>
  given.includes('://') ? null : /^(?:[^@/\\:]+@)?([\w.-]{2,}):(?!:)(.+)$/.exec(given)

function folderOf(given: string, root: string): string | undefined {
  if (/^file:\/\//i.test(given))
    try {
      return fileURLToPath(new URL(given))
    } catch {
      // Not every such address names a folder of this machine.
      return undefined
    }
  // Windows reaches another machine by such a path.
  if (/^[\\/]{2}/.test(given)) return given
  if (/^[\w+.-]+:(:|\/\/)/.test(given)) return undefined
  return isAbsolute(given) ? given : resolve(root, given)
}

function originOf(remoteUrl: string | undefined, knownHosts: readonly string[]): string | undefined {
  const found = remoteUrl === undefined ? undefined : addressOf(remoteUrl, '/', knownHosts)
  return found !== undefined && 'url' in found ? found.url.origin : undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
