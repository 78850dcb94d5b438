import type { ParseArgsConfig } from 'node:util'
import type { Json } from '../core/index.js'

/** What a command may touch of the process. Tests bring their own. */
export interface Terminal {
  readonly cwd: string
  readonly signal: AbortSignal
  readonly out: (text: string) => void
  /** Progress and warnings: never part of the answer. */
  readonly err: (text: string) => void
  /** Asks a person for a line; `undefined` at the end of input. Absent where nobody sits there. */
  readonly ask?: ((prompt: string) => Promise<string | undefined>) | undefined
}

export interface Arguments {
  readonly positionals: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  /** The project's folder. */
  readonly project: string
  readonly json: boolean
}

export interface CommandResult {
  /** For a person. */
  readonly text: string
  /** For a program: `--json` prints it on one line. */
  readonly json: Json
  /** @default 0 */
  readonly exitCode?: number | undefined
}

export interface Command {
  readonly name: string
  /** As in `sheikh why <stage>`: what follows the name. */
  readonly usage: string
  readonly summary: string
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** What each option does, for `--help`. */
  readonly optionHelp: Readonly<Record<string, string>>
  /** How many positionals it takes. */
  readonly positionals: readonly [least: number, most: number]
  readonly run: (input: Arguments, terminal: Terminal) => Promise<CommandResult>
}

/** Any value as it would come back from its JSON text: members that are undefined are gone, and so are the packed scores of a release. */
export function toJson(value: unknown): Json {
  const withoutColumns = (key: string, member: unknown) =>
    key === 'answers' && typeof member === 'object' && member !== null ? { ...member, columns: undefined } : member
  return JSON.parse(JSON.stringify(value, withoutColumns)) as Json
}
