import { createRedactor, type Redactor } from '../../core/index.js'

type Variables = Readonly<Record<string, string | undefined>>

// On Windows, sockets need SystemRoot, and finding programs needs PATHEXT.
const always = ['PATH', 'HOME', 'LANG', 'TMPDIR']
const alwaysOnWindows = ['SystemRoot', 'PATHEXT', 'COMSPEC', 'TEMP', 'TMP', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA']

/** The variables that a program receives: those that every program needs, and the named ones. */
export function passedVariables(environment: Variables, names: readonly string[]): Record<string, string> {
  const windows = process.platform === 'win32'
  const wanted = [...always, ...(windows ? alwaysOnWindows : []), ...names]
  // Names are case-insensitive on Windows, where PATH is called Path.
  const valueNamed = (name: string) =>
    environment[name] ??
    (windows ? Object.entries(environment).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] : undefined)
  return Object.fromEntries(
    wanted.flatMap((name) => {
      const value = valueNamed(name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

const secretName = /token|key|secret|passw|credential|auth/i

/** Hides secrets, also each line of a multi-line secret, because output is processed by line. */
export function redactorOf(secrets: readonly string[], passed: Readonly<Record<string, string>>): Redactor {
  const named = Object.entries(passed).flatMap(([name, value]) => (secretName.test(name) ? [value] : []))
  return createRedactor([...secrets, ...named].flatMap((secret) => [secret, ...secret.split(/\r?\n/)]))
}
