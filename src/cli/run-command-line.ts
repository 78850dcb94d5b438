import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createRedactor, isSheikhError, messageOf, SheikhError } from '../core/index.js'
import { type Command, type Terminal, toJson } from './command.js'
import { approve } from './commands/approve.js'
import { evaluation } from './commands/evaluation.js'
import { history } from './commands/history.js'
import { init } from './commands/init.js'
import { plan } from './commands/plan.js'
import { report } from './commands/report.js'
import { rollback } from './commands/rollback.js'
import { run } from './commands/run.js'
import { status } from './commands/status.js'
import { validate } from './commands/validate.js'
import { why } from './commands/why.js'
import { exitCodeOfError } from './exit-code.js'
import { commandHelp, generalHelp } from './help.js'

const commands: readonly Command[] = [
  init,
  plan,
  run,
  status,
  rollback,
  validate,
  why,
  history,
  approve,
  report,
  evaluation,
]

const common = {
  json: { type: 'boolean' },
  project: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Parses, calls, prints. @returns the exit code. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.includes('--json')
  try {
    const [name, ...rest] = argv
    if (name === '--version') return print(terminal, `${await packageVersion()}\n`)
    if (name === undefined || name === '--help' || name === '-h' || name === 'help')
      return print(terminal, generalHelp(commands))
    const command = commands.find((candidate) => candidate.name === name)
    if (command === undefined) throw usage(`there is no command "${name}"`, 'sheikh --help')
    if (rest.includes('--help') || rest.includes('-h')) return print(terminal, commandHelp(command))
    const { values, positionals } = parse(command, rest)
    const project = resolve(terminal.cwd, typeof values['project'] === 'string' ? values['project'] : '.')
    const answer = await command.run({ values, positionals, project, json }, terminal)
    terminal.out(json ? `${JSON.stringify(answer.json)}\n` : ensureNewline(answer.text))
    return answer.exitCode ?? 0
  } catch (error) {
    const message = createRedactor()(messageOf(error))
    const code = isSheikhError(error) ? error.code : undefined
    const exitCode = exitCodeOfError(error, terminal.signal)
    if (json)
      terminal.out(
        `${JSON.stringify(toJson({ error: { code, message, facts: isSheikhError(error) ? plain(error.facts) : undefined } }))}\n`,
      )
    else terminal.err(`sheikh: ${message}${code === undefined ? '' : ` [${code}]`}\n`)
    return exitCode
  }
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

function print(terminal: Terminal, text: string): number {
  terminal.out(text)
  return 0
}

async function packageVersion(): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const { createRequire } = await import('node:module')
  const path = createRequire(import.meta.url).resolve('sheikh-freemium/package.json')
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version
}

const ensureNewline = (text: string) => (text.endsWith('\n') ? text : `${text}\n`)

/** Facts as JSON, whatever a host put among them. */
function plain(facts: Readonly<Record<string, unknown>>): unknown {
  const redact = createRedactor()
  return JSON.parse(
    redact(JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))),
  )
}

const usage = (fact: string, help: string) =>
  new SheikhError('invalid-options', `Cannot do that: ${fact}. See: ${help}`)
