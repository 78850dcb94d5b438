import { parseArgs } from 'node:util'
import { createRedactor, isSheikhError, messageOf, nearestName, SheikhError } from '../core/index.js'
import { type Command, type CommandResult, type Terminal, toJson } from './command.js'
import { approve } from './commands/approve.js'
import { doctor } from './commands/doctor.js'
import { evaluation } from './commands/evaluation.js'
import { gate } from './commands/gate.js'
import { gc } from './commands/gc.js'
import { history } from './commands/history.js'
import { importCommand } from './commands/import.js'
import { init } from './commands/init.js'
import { ledger } from './commands/ledger.js'
import { override } from './commands/override.js'
import { plan } from './commands/plan.js'
import { promote } from './commands/promote.js'
import { report } from './commands/report.js'
import { reproduce } from './commands/reproduce.js'
import { republish } from './commands/republish.js'
import { rollback } from './commands/rollback.js'
import { run } from './commands/run.js'
import { status } from './commands/status.js'
import { validate } from './commands/validate.js'
import { verify } from './commands/verify.js'
import { why } from './commands/why.js'
import { errorText } from './error-text.js'
import { exitCodeOfError } from './exit-code.js'
import { commandHelp, generalHelp } from './help.js'
import { mapStrings, printable } from './printable.js'
import { terminalPath } from './terminal-path.js'

const commands: readonly Command[] = [
  init,
  plan,
  run,
  status,
  rollback,
  promote,
  verify,
  validate,
  doctor,
  why,
  history,
  approve,
  override,
  reproduce,
  republish,
  importCommand,
  gc,
  report,
  evaluation,
  gate,
  ledger,
]

const common = {
  json: { type: 'boolean' },
  project: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Parses the arguments, runs the command and prints its result. @returns the exit code. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.includes('--json')
  const redact = createRedactor()
  const safe: Terminal = {
    ...terminal,
    out: (text) => terminal.out(printable(redact(text))),
    err: (text) => terminal.err(printable(redact(text))),
    ...(terminal.ask !== undefined && !json && { ask: (prompt: string) => terminal.ask!(printable(redact(prompt))) }),
  }
  // Redact each string separately: in the JSON text, a secret's pattern could match across two members.
  const outJson = (value: unknown) => terminal.out(`${printable(JSON.stringify(mapStrings(toJson(value), redact)))}\n`)
  try {
    const { text, json: document, exitCode = 0 } = await answerTo(argv, json, safe)
    if (json) outJson(document)
    else safe.out(ensureNewline(text))
    return exitCode
  } catch (error) {
    const { code, docs, facts } = isSheikhError(error) ? error : {}
    const message = messageOf(error)
    if (json)
      outJson({ error: { code: code ?? null, message, ...(docs && { docs }), ...(facts && { facts: plain(facts) }) } })
    else safe.err(errorText(error))
    return exitCodeOfError(error, terminal.signal)
  }
}

async function answerTo(argv: readonly string[], json: boolean, terminal: Terminal): Promise<CommandResult> {
  const { globals, name, rest, asksForHelp, asksForVersion } = splitArguments(argv)
  if (asksForVersion) return packageVersion()
  if (name === undefined) return help(generalHelp(commands))
  if (name === 'help') {
    const topic = rest.find((argument) => !argument.startsWith('-'))
    return help(topic === undefined ? generalHelp(commands) : commandHelp(commandNamed(topic)))
  }
  const command = commandNamed(name)
  if (asksForHelp || rest.includes('--help') || rest.includes('-h')) return help(commandHelp(command))
  const { values, positionals } = parse(command, [...globals, ...rest])
  const project = terminalPath(terminal, typeof values['project'] === 'string' ? values['project'] : '.', '--project')
  return command.run({ values, positionals, project, json }, terminal)
}

interface SplitArguments {
  /** `--json` and `--project <dir>` that come before the command. */
  readonly globals: readonly string[]
  readonly name: string | undefined
  readonly rest: readonly string[]
  readonly asksForHelp: boolean
  readonly asksForVersion: boolean
}

/** Separates the options before the command from the command and its arguments. @throws `invalid-options` for an option that is not global. */
function splitArguments(argv: readonly string[]): SplitArguments {
  const globals: string[] = []
  let [asksForHelp, asksForVersion] = [false, false]
  let index = 0
  for (; index < argv.length && argv[index]!.startsWith('-'); index += 1) {
    const argument = argv[index]!
    if (argument === '--help' || argument === '-h') asksForHelp = true
    else if (argument === '--version' || argument === '-v') asksForVersion = true
    else if (argument === '--json' || argument.startsWith('--project=')) globals.push(argument)
    else if (argument === '--project') {
      index += 1
      const folder = argv[index]
      if (folder === undefined || folder.startsWith('-'))
        throw usage('Cannot read the command line: "--project" has no value.', 'sheikh --help')
      globals.push(`--project=${folder}`)
    } else
      throw usage(
        `Cannot read the command line: "${argument}" comes before the command and is not a global option.${didYouMean(argument, globalNames)}`,
        'sheikh --help',
      )
  }
  return { globals, name: argv[index], rest: argv.slice(index + 1), asksForHelp, asksForVersion }
}

const globalNames = ['--project', '--json', '--help', '--version']

function commandNamed(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name)
  if (command !== undefined) return command
  const names = commands.map((candidate) => candidate.name)
  throw usage(`Cannot run "sheikh ${name}": there is no command "${name}".${didYouMean(name, names)}`, 'sheikh --help')
}

function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`
}

function parse(command: Command, rest: readonly string[]) {
  const seeHelp = `sheikh ${command.name} --help`
  const options = { ...command.options, ...common }
  try {
    const { values, positionals } = parseArgs({ args: [...rest], options, allowPositionals: true, strict: true })
    const [least, most] = command.positionals
    if (positionals.length < least || positionals.length > most)
      throw usage(
        `Cannot run "sheikh ${command.name}" with ${positionals.length === 1 ? '1 argument' : `${positionals.length} arguments`}: it takes ${command.usage || 'no argument'}.`,
        seeHelp,
      )
    return { values: values as Record<string, string | boolean | undefined>, positionals }
  } catch (error) {
    if (isSheikhError(error)) throw error
    const fact = messageOf(error).split('\n')[0]!
    const unknown = /^Unknown option '(--?[^']+)'/.exec(fact)?.[1]
    if (unknown === undefined) throw usage(`Cannot run "sheikh ${command.name}": ${fact.replace(/\.?$/, '.')}`, seeHelp)
    const known = Object.keys(options).map((option) => `--${option}`)
    throw usage(
      `Cannot run "sheikh ${command.name}": there is no option "${unknown}".${didYouMean(unknown, known)}`,
      seeHelp,
    )
  }
}

const help = (text: string): CommandResult => ({ text, json: { help: text } })

async function packageVersion(): Promise<CommandResult> {
  const { readFile } = await import('node:fs/promises')
  const { createRequire } = await import('node:module')
  const path = createRequire(import.meta.url).resolve('sheikh-freemium/package.json')
  const { version } = JSON.parse(await readFile(path, 'utf8')) as { version: string }
  return { text: version, json: { version } }
}

const ensureNewline = (text: string) => (text.endsWith('\n') ? text : `${text}\n`)

/** The facts of an error as JSON. Host code may have put any value into them. */
function plain(facts: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
  } catch {
    // A cycle, or a toJSON that throws. The message alone describes the error.
    return undefined
  }
}

const usage = (sentence: string, command: string) => new SheikhError('invalid-options', `${sentence} See: ${command}`)
