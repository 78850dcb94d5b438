import { type ParseArgsConfig, parseArgs } from 'node:util'
import { isSheikhError, messageOf } from '../core/index.js'
import type { Command } from './command.js'
import { didYouMean, usageError } from './command-table.js'

/** The options that every command accepts. */
export const globalOptions = {
  project: { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
  verbose: { type: 'boolean' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options']

const globalFlags: readonly string[] = ['--json', '--quiet', '-q', '--verbose', '--no-color']
const globalNames = [...Object.keys(globalOptions).map((name) => `--${name}`), '--version']

export interface SplitArguments {
  /** The global options that come before the command, except `--help` and `--version`. */
  readonly globals: readonly string[]
  readonly name: string | undefined
  readonly rest: readonly string[]
  readonly asksForHelp: boolean
  readonly asksForVersion: boolean
}

/** Separates the options before the command from the command and its arguments. @throws `invalid-options` for an option that is not global. */
export function splitArguments(argv: readonly string[]): SplitArguments {
  const globals: string[] = []
  let [asksForHelp, asksForVersion] = [false, false]
  let index = 0
  for (; index < argv.length && argv[index]!.startsWith('-'); index += 1) {
    const argument = argv[index]!
    if (argument === '--help' || argument === '-h') asksForHelp = true
    else if (argument === '--version' || argument === '-v') asksForVersion = true
    else if (globalFlags.includes(argument) || argument.startsWith('--project=')) globals.push(argument)
    else if (argument === '--project') {
      index += 1
      const folder = argv[index]
      if (folder === undefined || folder.startsWith('-'))
        throw usageError('Cannot read the command line: "--project" has no value.', 'sheikh --help')
      globals.push(`--project=${folder}`)
    } else
      throw usageError(
        `Cannot read the command line: "${argument}" comes before the command and is not a global option.${didYouMean(argument, globalNames)}`,
        'sheikh --help',
      )
  }
  return { globals, name: argv[index], rest: argv.slice(index + 1), asksForHelp, asksForVersion }
}

export interface ParsedArguments {
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  readonly positionals: readonly string[]
}

/** @throws `invalid-options` for an unknown option, or a number of arguments that the command does not take. */
export function parseArguments(command: Command, rest: readonly string[]): ParsedArguments {
  const seeHelp = `sheikh ${command.name} --help`
  const options = { ...command.options, ...globalOptions }
  try {
    const { values, positionals } = parseArgs({ args: [...rest], options, allowPositionals: true, strict: true })
    const [least, most] = command.positionals
    if (positionals.length < least || positionals.length > most)
      throw usageError(
        `Cannot run "sheikh ${command.name}" with ${positionals.length === 1 ? '1 argument' : `${positionals.length} arguments`}: it takes ${command.usage || 'no argument'}.`,
        seeHelp,
      )
    return { values: values as ParsedArguments['values'], positionals }
  } catch (error) {
    if (isSheikhError(error)) throw error
    const fact = messageOf(error).split('\n')[0]!
    const unknown = /^Unknown option '(--?[^']+)'/.exec(fact)?.[1]
    if (unknown === undefined)
      throw usageError(`Cannot run "sheikh ${command.name}": ${fact.replace(/\.?$/, '.')}`, seeHelp)
    const known = Object.keys(options).map((option) => `--${option}`)
    throw usageError(
      `Cannot run "sheikh ${command.name}": there is no option "${unknown}".${didYouMean(unknown, known)}`,
      seeHelp,
    )
  }
}
