import { createRedactor, type Redactor } from '../../core/index.js'

type Variables = Readonly<Record<string, string | undefined>>

// Without SystemRoot no socket opens on Windows; without PATHEXT no program is found.
const always = ['PATH', 'HOME', 'LANG', 'TMPDIR']
const alwaysOnWindows = ['SystemRoot', 'PATHEXT', 'COMSPEC', 'TEMP', 'TMP', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA']

/** The variables that a program gets: what any needs, and those that are named. */
export function passedVariables(environment: Variables, names: readonly string[]): Record<string, string> {
  const windows = process.platform === 'win32'
  const wanted = [...always, ...(windows ? alwaysOnWindows : []), ...names]
  // Names have no case on Windows, where PATH is called Path.
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

/** Hides the secrets, line by line too, for a program's output is seen in lines. */
export function redactorOf(secrets: readonly string[], passed: Readonly<Record<string, string>>): Redactor {
  const named = Object.entries(passed).flatMap(([name, value]) => (secretName.test(name) ? [value] : []))
  return createRedactor([...secrets, ...named].flatMap((secret) => [secret, ...secret.split(/\r?\n/)]))
}
