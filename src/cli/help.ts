import type { Command } from './command.js'

const globalOptions = `Global options, before or after the command:
  --project <dir>  Project folder (default: the current folder)
  --json           Print one line of JSON instead of text
  --quiet, -q      Print only the result and errors: no progress, no warnings
  --verbose        Print errors with their stack and cause
  --no-color       Print without colours, as with the variable NO_COLOR
  --help, -h       Show help for sheikh or for a command
  --version, -v    Print the version (before a command only)`

export function generalHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name, usage }) => `${name} ${usage}`.length))
  const lines = commands.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(width)}  ${summary}`)
  return `sheikh: release models the way software is released

Usage: sheikh <command> [options]

Commands:
${lines.join('\n')}

${globalOptions}

Exit codes: 0 released, restored or up to date; 1 error; 2 held; 3 awaiting approval;
4 infrastructure failure, safe to retry; 5 locked by another run; 130 aborted.

Examples:
  sheikh init my-model       Create a project
  sheikh run                 Train, evaluate and release in the current project
  sheikh help run            Show the options of "sheikh run"
`
}

export function commandHelp({ name, usage, summary, optionHelp, options, examples }: Command): string {
  const flags = Object.entries(options).map(([option, { type }]) => `--${option}${type === 'string' ? ' <value>' : ''}`)
  const width = Math.max(0, ...flags.map((flag) => flag.length))
  const lines = Object.keys(options).map(
    (option, index) => `  ${flags[index]!.padEnd(width)}  ${optionHelp[option] ?? ''}`,
  )
  const parts = [
    `sheikh ${name} ${usage}`.trimEnd(),
    `${summary}.`,
    ...(lines.length > 0 ? [`Options:\n${lines.join('\n')}`] : []),
    'Global options: --project <dir>, --json, --quiet, --verbose, --no-color, --help. See: sheikh --help',
    `Examples:\n${examples.map((example) => `  ${example}`).join('\n')}`,
  ]
  return `${parts.join('\n\n')}\n`
}
