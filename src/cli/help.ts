import type { Command } from './command.js'
import { globalOptions } from './parse-arguments.js'

/** The description of each option that every command accepts. */
export const globalOptionHelp: Readonly<Record<keyof typeof globalOptions, string>> = {
  project: 'Project folder (default: the current folder)',
  json: 'Print one line of JSON instead of text',
  quiet: 'Print only the result and errors: no progress, no warnings',
  verbose: 'Print errors with their stack and cause',
  'no-color': 'Print without colours, as with the variable NO_COLOR',
  help: 'Show help for sheikh or for a command',
}

const flagOf = (name: string, option: { readonly type: string; readonly short?: string }) =>
  `--${name}${option.type === 'string' ? ' <dir>' : ''}${option.short === undefined ? '' : `, -${option.short}`}`

const globalLines = [
  ...Object.entries(globalOptions).map(
    ([name, option]) => `  ${flagOf(name, option).padEnd(15)}  ${globalOptionHelp[name as keyof typeof globalOptions]}`,
  ),
  `  ${'--version, -v'.padEnd(15)}  Print the version (before a command only)`,
]

export function generalHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `sheikh: release models the way software is released

Usage: sheikh <command> [options]

Commands:
${lines.join('\n')}

Global options, before or after the command:
${globalLines.join('\n')}

Exit codes: 0 released, restored, up to date or awaiting release; 1 error; 2 held;
3 awaiting approval; 4 infrastructure failure, safe to retry; 5 locked by another run; 130 aborted.

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
