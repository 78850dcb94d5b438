import type { ParseArgsConfig } from 'node:util'
import type { Json } from '../core/index.js'
import type { DrawLine } from './status-line.js'
import type { Text } from './styled-text.js'

/** The parts of the process that a command may use. All text is escaped, redacted and coloured on its way out. */
export interface Terminal {
  readonly cwd: string
  readonly signal: AbortSignal
  readonly out: (text: Text) => void
  /** Progress and warnings, on the error output. Prints nothing with `--quiet`. Results go to `out`. */
  readonly err: (text: Text) => void
  /** Prints an error that does not end the command, on the error output. */
  readonly printError: (error: unknown) => void
  /**
   * Shows a line on the error output that is redrawn until the next call; `undefined` removes it. Absent if the error output is not
   * a terminal, and with `--quiet` or `--json`.
   */
  readonly showStatus?: ((draw: DrawLine | undefined) => void) | undefined
  /** Prompts the user for a line; resolves to `undefined` at the end of input. Absent if the input is not a terminal. */
  readonly ask?: ((prompt: string) => Promise<string | undefined>) | undefined
  /** Reads standard input to its end. Absent if the input is a terminal. */
  readonly readInput?: (() => Promise<string>) | undefined
}

export interface Arguments {
  readonly positionals: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  /** The project's folder. */
  readonly project: string
  readonly json: boolean
}

export interface CommandResult {
  /** The result as text for a person. */
  readonly text: Text
  /** The result for a program. `--json` prints it on one line. */
  readonly json: Json
  /** @default 0 */
  readonly exitCode?: number | undefined
}

export interface Command {
  readonly name: string
  /** The arguments, as `--help` shows them after the name: `<stage>` in `sheikh why <stage>`. */
  readonly usage: string
  /** One sentence without its full stop, for the list of commands and for `--help`. */
  readonly summary: string
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** The description of each option, for `--help`. */
  readonly optionHelp: Readonly<Record<string, string>>
  /** The first argument, if it must be one of these words. For shell completion. */
  readonly actions?: readonly string[] | undefined
  /** The values of options that have known ones. For shell completion. */
  readonly choices?: Readonly<Record<string, readonly string[]>> | undefined
  /** One or two complete command lines, for `--help`. */
  readonly examples: readonly string[]
  /** How many positional arguments the command takes. */
  readonly positionals: readonly [least: number, most: number]
  readonly run: (input: Arguments, terminal: Terminal) => Promise<CommandResult>
}

/** A value as plain JSON: drops members that are `undefined` and the packed scores of a release. */
export function toJson(value: unknown): Json {
  const withoutColumns = (key: string, member: unknown) =>
    key === 'answers' && typeof member === 'object' && member !== null ? { ...member, columns: undefined } : member
  return JSON.parse(JSON.stringify(value, withoutColumns)) as Json
}
