import type { Command } from './command.js'

export function generalHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name, usage }) => `${name} ${usage}`.length))
  const lines = commands.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(width)}  ${summary}`)
  return `sheikh: release models the way software is released

  sheikh <command> [options]

${lines.join('\n')}

Everywhere:
  --project <dir>  the project's folder (default: here)
  --json           one line of JSON in place of text
  --help           what a command takes

Exit codes: 0 released, restored or up to date; 1 error; 2 held; 3 awaiting approval;
4 infrastructure, safe to retry; 5 locked by another run; 130 aborted.
`
}

export function commandHelp({ name, usage, summary, optionHelp, options }: Command): string {
  const flags = Object.entries(options).map(([option, { type }]) => `--${option}${type === 'string' ? ' <value>' : ''}`)
  const width = Math.max(0, ...flags.map((flag) => flag.length))
  const lines = Object.keys(options).map(
    (option, index) => `  ${flags[index]!.padEnd(width)}  ${optionHelp[option] ?? ''}`,
  )
  return `sheikh ${name} ${usage}\n\n${summary}\n${lines.length > 0 ? `\n${lines.join('\n')}\n` : ''}`
}
