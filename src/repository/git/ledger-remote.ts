import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { proxyFetch, proxyIn } from '../../releaser/remote/index.js'
import type { Git } from './git.js'
import { httpPlace } from './ledger-http.js'
import type { LedgerPlace, RemotePlaceOptions } from './ledger-place.js'
import { programPlace } from './ledger-program.js'

/** A remote of Git's configuration; `undefined` where there is none of that name. @throws `invalid-config`. */
export async function remotePlace(git: Git, options: RemotePlaceOptions): Promise<LedgerPlace | undefined> {
  const config = (key: string) => git.config(`remote.${options.remote}.${key}`)
  const url = await config('url')
  if (url === undefined) return undefined
  const pushUrl = await config('pushurl')
  const proxied = await proxiedFetch(git, options)
  const reading = placeAt(git, url, { ...options, proxied })
  // A common setting: read by https without a password, write by ssh.
  const writing = pushUrl === undefined ? reading : placeAt(git, pushUrl, { ...options, proxied })
  return { tip: reading.tip, alike: reading.alike, refetch: reading.refetch, move: writing.move }
}

/** A `fetch` through the proxy of Git's settings or of the environment; `undefined` without one. As git, settings first. */
async function proxiedFetch(git: Git, { remote, environment = {} }: RemotePlaceOptions) {
  const own = await git.config(`remote.${remote}.proxy`)
  const setting = own ?? (await git.config('http.proxy'))
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()])
  if (setting === undefined) return names.some((name) => environment[name]) ? proxyFetch(environment) : undefined
  proxyIn(setting, own === undefined ? 'http.proxy' : `remote.${remote}.proxy`)
  return proxyFetch({ ...environment, ...Object.fromEntries(names.map((name) => [name, setting])) })
}

function placeAt(git: Git, url: string, options: RemotePlaceOptions): LedgerPlace {
  // A helper (`ext::…`) is a program that the URL chooses; a URL that begins with a dash is an option.
  if (url.startsWith('-') || /^[\w.+-]+::/.test(url))
    throw new SheikhError(
      'invalid-config',
      `Cannot keep the ledger on "${options.remote}": its URL contains a program or an option. Set another URL: git remote set-url ${options.remote} <url>`,
      { facts: { remote: options.remote } },
    )
  // Git takes both for what they are not: a folder, and a host's folder that is reached by ssh.
  const isHost = /^[\w-]+(\.[\w-]+)+\/\S/.test(url) && !existsSync(join(git.root, url))
  if (isHost || /^[\w.-]+:\d+(\/|$)/.test(url))
    throw new SheikhError(
      'invalid-config',
      `Cannot keep the ledger on "${options.remote}": its URL ${JSON.stringify(url)} has no scheme. Add one: git remote set-url ${options.remote} https://${url}`,
      { facts: { remote: options.remote } },
    )
  return /^https?:\/\//i.test(url) ? httpPlace(git, url, options) : programPlace(git, options)
}
