import { parseArgs } from 'node:util'
import { createRedactor, isSheikhError, messageOf, SheikhError } from '../core/index.js'
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

/** Parses, calls, prints. @returns the exit code. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.includes('--json')
  const redact = createRedactor()
  const safe: Terminal = {
    ...terminal,
    out: (text) => terminal.out(printable(redact(text))),
    err: (text) => terminal.err(printable(redact(text))),
    ...(terminal.ask !== undefined && !json && { ask: (prompt: string) => terminal.ask!(printable(redact(prompt))) }),
  }
  // Strings are redacted one by one: a secret's shape may reach from one member of the text into the next.
  const outJson = (value: unknown) => terminal.out(`${printable(JSON.stringify(mapStrings(toJson(value), redact)))}\n`)
  try {
    const { text, json: document, exitCode = 0 } = await answerTo(argv, json, safe)
    if (json) outJson(document)
    else safe.out(ensureNewline(text))
    return exitCode
  } catch (error) {
    const message = messageOf(error)
    const { code, facts } = isSheikhError(error) ? error : {}
    if (json) outJson({ error: { code: code ?? null, message, ...(facts && { facts: plain(facts) }) } })
    else safe.err(`sheikh: ${message}${code === undefined ? '' : ` [${code}]`}\n`)
    return exitCodeOfError(error, terminal.signal)
  }
}

async function answerTo(argv: readonly string[], json: boolean, terminal: Terminal): Promise<CommandResult> {
  // `sheikh --json --help` is as good as `sheikh --help --json`.
  const [name, ...rest] = argv[0] === '--json' ? [...argv.slice(1), '--json'] : argv
  if (name === '--version') return packageVersion()
  if (name === undefined || name === '--help' || name === '-h' || name === 'help' || name === '--json')
    return help(generalHelp(commands))
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) throw usage(`there is no command "${name}"`, 'sheikh --help')
  if (rest.includes('--help') || rest.includes('-h')) return help(commandHelp(command))
  const { values, positionals } = parse(command, rest)
  const project = terminalPath(terminal, typeof values['project'] === 'string' ? values['project'] : '.', '--project')
  return command.run({ values, positionals, project, json }, terminal)
}

function parse(command: Command, rest: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...rest],
      options: { ...command.options, ...common },
      allowPositionals: true,
      strict: true,
    })
    const [least, most] = command.positionals
    if (positionals.length < least || positionals.length > most)
      throw usage(`"${command.name}" takes ${command.usage || 'no argument'}`, `sheikh ${command.name} --help`)
    return { values: values as Record<string, string | boolean | undefined>, positionals }
  } catch (error) {
    if (isSheikhError(error)) throw error
    throw usage(messageOf(error).split('\n')[0]!.replace(/\.$/, ''), `sheikh ${command.name} --help`)
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

/** Facts as JSON, whatever a host put among them. */
function plain(facts: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
  } catch {
    // A cycle, or a toJSON that throws: the message says what happened without them.
    return undefined
  }
}

const usage = (fact: string, help: string) =>
  new SheikhError('invalid-options', `Cannot do that: ${fact}. See: ${help}`)
