import { inspect } from 'node:util'
import { createRedactor, isSheikhError, messageOf } from '../core/index.js'
import { type CommandResult, type Terminal, toJson } from './command.js'
import { allCommands, commandNamed } from './command-table.js'
import { exitCodeOfError } from './exit-code.js'
import { commandHelp, generalHelp } from './help.js'
import { openTerminal } from './open-terminal.js'
import { parseArguments, splitArguments } from './parse-arguments.js'
import { mapStrings, printable } from './printable.js'
import type { ProcessStreams } from './process-streams.js'
import { terminalPath } from './terminal-path.js'

/** Parses the arguments, runs the command and prints its result. @returns the exit code. */
export async function runCommandLine(argv: readonly string[], streams: ProcessStreams): Promise<number> {
  // Read before the rest, because they also apply to an error in the rest.
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const [json, verbose] = [flags.includes('--json'), flags.includes('--verbose')]
  const quiet = flags.includes('--quiet') || flags.includes('-q')
  const terminal = openTerminal(streams, { json, verbose, quiet, colours: !flags.includes('--no-color') })
  const redact = createRedactor()
  // Redact each string separately: in the JSON text, a secret's pattern could match across two members.
  const outJson = (value: unknown) => streams.out(`${printable(JSON.stringify(mapStrings(toJson(value), redact)))}\n`)
  try {
    const { text, json: document, exitCode = 0 } = await answerTo(argv, json, terminal)
    if (json) outJson(document)
    else terminal.out(typeof text === 'string' && text.endsWith('\n') ? text : [text, '\n'])
    return exitCode
  } catch (error) {
    if (json) outJson({ error: { ...errorDocument(error), ...(verbose && { stack: inspect(error, { depth: 4 }) }) } })
    else terminal.printError(error)
    return exitCodeOfError(error, streams.signal)
  } finally {
    terminal.close()
  }
}

async function answerTo(argv: readonly string[], json: boolean, terminal: Terminal): Promise<CommandResult> {
  const { globals, name, rest, asksForHelp, asksForVersion } = splitArguments(argv)
  if (asksForVersion) return packageVersion()
  if (name === undefined) return help(generalHelp(await allCommands()))
  if (name === 'help') {
    const topic = rest.find((argument) => !argument.startsWith('-'))
    return help(topic === undefined ? generalHelp(await allCommands()) : commandHelp(await commandNamed(topic)))
  }
  const command = await commandNamed(name)
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
  if (asksForHelp || options.includes('--help') || options.includes('-h')) return help(commandHelp(command))
  const { values, positionals } = parseArguments(command, [...globals, ...rest])
  const project = terminalPath(terminal, typeof values['project'] === 'string' ? values['project'] : '.', '--project')
  return command.run({ values, positionals, project, json }, terminal)
}

const help = (text: string): CommandResult => ({ text, json: { help: text } })

async function packageVersion(): Promise<CommandResult> {
  const { readFile } = await import('node:fs/promises')
  const { createRequire } = await import('node:module')
  const path = createRequire(import.meta.url).resolve('sheikh-freemium/package.json')
  const { version } = JSON.parse(await readFile(path, 'utf8')) as { version: string }
  return { text: version, json: { version } }
}

/** An error as `--json` prints it. */
function errorDocument(error: unknown): Readonly<Record<string, unknown>> {
  const { code, docs, facts } = isSheikhError(error) ? error : {}
  return {
    code: code ?? null,
    message: messageOf(error),
    ...(docs && { docs }),
    ...(facts && { facts: plain(facts) }),
  }
}

/** The facts of an error as JSON. Host code may have put any value into them. */
function plain(facts: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
  } catch {
    // A cycle, or a toJSON that throws. The message alone describes the error.
    return undefined
  }
}
