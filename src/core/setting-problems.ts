import { SheikhError } from './errors.js'

/**
 * Checks a path from a setting. Unlike a shell, this library does not expand `~`, so such a path would name a folder
 * called "~".
 *
 * @param setting the option, key or variable that the error names.
 * @throws `invalid-options` for a path that begins with `~`.
 */
export function plainPath(path: string, setting: string): string {
  const problem = tildeProblem(path)
  if (problem !== undefined) throw refused(setting, problem)
  return path
}

/**
 * Checks the address of a server from a setting.
 *
 * @param setting the option, key or variable that the error names.
 * @param example an example value for the error message.
 * @throws `invalid-options` for anything but a URL of http or https.
 */
export function webAddress(address: string, setting: string, example: string): string {
  const problem = addressProblem(address, example)
  if (problem !== undefined) throw refused(setting, problem)
  return address
}

/**
 * Why a path cannot be used; `undefined` if it can. `~`, `~/x` and `~ada/x` are shell syntax; `a~` and `~$a.csv` are
 * file names.
 */
export function tildeProblem(path: string): string | undefined {
  if (!/^~[\w.-]*([/\\]|$)/.test(path)) return undefined
  return `${JSON.stringify(path)} begins with "~", which is not expanded. Write the full path of the home folder; if the name really begins with "~", write ${JSON.stringify(`./${path}`)}`
}

/** Why an address cannot be used; `undefined` for a URL of http or https. */
export function addressProblem(address: string, example: string): string | undefined {
  const isWeb = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
  if (/^https?:\/\//i.test(address) && isWeb(address)) return undefined
  // It may hold a password.
  const shown = address.includes('@') ? 'the address' : JSON.stringify(address)
  if (/^[a-z][\w+.-]*:\/\//i.test(address))
    return `${shown} is not a URL that begins with http:// or https://. Write it like ${example}`
  const whole = `${/^(localhost|127\.|\[::1\])/.test(address) ? 'http' : 'https'}://${address}`
  const isHost = /^[\w.-]+(:\d+)?(\/\S*)?$|^\[[\da-f:]+\]/i.test(address) && isWeb(whole)
  return `${shown} has no scheme. Write ${isHost ? whole : `it like ${example}`}`
}

/** Whether a host name of a URL is this machine's. */
export const isLoopback = (hostname: string): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(hostname)

/** Whether nobody between here and the server can read what is sent: TLS, or http on this machine. */
export const isPrivateAddress = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))

const refused = (setting: string, problem: string) =>
  new SheikhError('invalid-options', `Cannot use ${setting}: ${problem}.`, { facts: { setting } })
