import type { Command } from './command.js'
import { globalOptionHelp } from './help.js'
import { globalOptions } from './parse-arguments.js'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The script that makes a shell complete `sheikh`: commands, actions, options and their known values. */
export const completionScript = (shell: Shell, commands: readonly Command[]): string =>
  ({ bash, zsh, fish })[shell](commands)

interface Option {
  readonly name: string
  readonly takesValue: boolean
  readonly help: string
  /** The values that are known. Empty: a file or text. */
  readonly choices: readonly string[]
}

const optionsOf = ({ options, optionHelp, choices = {} }: Command): readonly Option[] =>
  Object.entries(options).map(([name, { type }]) => ({
    name,
    takesValue: type === 'string',
    help: optionHelp[name] ?? '',
    choices: choices[name] ?? [],
  }))

const globals: readonly Option[] = Object.entries(globalOptions).map(([name, { type }]) => ({
  name,
  takesValue: type === 'string',
  help: globalOptionHelp[name as keyof typeof globalOptions],
  choices: [],
}))

/** The words that may follow a command. */
const actionsOf = ({ actions = [] }: Command): string => actions.join(' ')

const flags = (options: readonly Option[]) => options.map(({ name }) => `--${name}`).join(' ')

function bash(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  const cases = commands.map(
    (command) =>
      `    ${command.name}) words='${actionsOf(command)}' options='${flags([...optionsOf(command), ...globals])}' ;;`,
  )
  const values = commands.flatMap((command) =>
    optionsOf(command)
      .filter(({ takesValue }) => takesValue)
      .map(({ name, choices }) => ({ words: `'${command.name} --${name}'`, choices })),
  )
  const known = values
    .filter(({ choices }) => choices.length > 0)
    .map(({ words, choices }) => `    ${words}) words='${choices.join(' ')}' options='' ;;`)
  const others = values.filter(({ choices }) => choices.length === 0).map(({ words }) => words)
  // Works with bash 3.2, which macOS has: no mapfile, no compopt.
  return `# Completion of sheikh for bash. To load it in every shell, add this line to ~/.bashrc:
#   source <(sheikh completion bash)
_sheikh() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command='' options='${flags(globals)} --version' words='${names} help' index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      --project) ((index++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  case $command in
    '') ;;
    help) words='${names}' options='' ;;
${cases.join('\n')}
    *) return ;;
  esac
  # The action is the first argument.
  if [[ -n $command ]] && ((COMP_CWORD > index + 1)); then words=''; fi
  case "$command $previous" in
    *' --project'|${others.join('|')}) return ;;
${known.join('\n')}
  esac
  if [[ $current == -* ]]; then words=$options; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
# Files are completed where the command line knows no word.
complete -o default -F _sheikh sheikh
`
}

function zsh(commands: readonly Command[]): string {
  const specs = (options: readonly Option[]) =>
    options.map(({ name, takesValue, help, choices }) => {
      const value =
        name === 'project'
          ? ':folder:_directories'
          : choices.length > 0
            ? `:value:(${choices.join(' ')})`
            : ':value:_files'
      return zshQuoted(`--${name}[${help.replace(/[\\[\]:]/g, '\\$&')}]${takesValue ? value : ''}`)
    })
  const cases = commands.map((command) => {
    const actions = actionsOf(command)
    const argument = actions === '' ? "'*:file:_files'" : zshQuoted(`1:action:(${actions})`)
    return `        ${command.name}) _arguments ${[...specs([...optionsOf(command), ...globals]), argument].join(' ')} ;;`
  })
  const described = commands.map(({ name, summary }) => zshQuoted(`${name}:${summary}`))
  return `#compdef sheikh
# Completion of sheikh for zsh. To load it in every shell, add this line to ~/.zshrc, after compinit:
#   source <(sheikh completion zsh)
_sheikh() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C ${specs(globals).join(' ')} '--version[Print the version]' '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands
      commands=(${described.join(' ')} 'help:Show help for a command')
      _describe command commands
      ;;
    argument)
      case $words[1] in
        help) _arguments ${zshQuoted(`1:command:(${commands.map(({ name }) => name).join(' ')})`)} ;;
${cases.join('\n')}
      esac
      ;;
  esac
}
# As a file of fpath this is the function's body; sourced, it registers the function.
if [[ $funcstack[1] == _sheikh ]]; then _sheikh "$@"; else compdef _sheikh sheikh; fi
`
}

const zshQuoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

function fish(commands: readonly Command[]): string {
  const option = ({ name, takesValue, help, choices }: Option) =>
    [
      `-l ${name}`,
      ...(!takesValue ? [] : choices.length > 0 ? [`-x -a ${fishQuoted(choices.join(' '))}`] : ['-r -F']),
      `-d ${fishQuoted(help)}`,
    ].join(' ')
  const lines = commands.flatMap((command) => {
    const seen = `complete -c sheikh -n ${fishQuoted(`__fish_seen_subcommand_from ${command.name}`)}`
    const actions = actionsOf(command)
    return [
      `complete -c sheikh -n __fish_use_subcommand -f -a ${command.name} -d ${fishQuoted(command.summary)}`,
      ...(actions === '' ? [] : [`${seen} -f -a ${fishQuoted(actions)}`]),
      ...optionsOf(command).map((each) => `${seen} ${option(each)}`),
    ]
  })
  return `# Completion of sheikh for fish. To load it in every shell:
#   sheikh completion fish > ~/.config/fish/completions/sheikh.fish
${globals.map((each) => `complete -c sheikh ${option(each)}`).join('\n')}
complete -c sheikh -n __fish_use_subcommand -l version -d 'Print the version'
complete -c sheikh -n __fish_use_subcommand -f -a help -d 'Show help for a command'
complete -c sheikh -n '__fish_seen_subcommand_from help' -f -a ${fishQuoted(commands.map(({ name }) => name).join(' '))}
${lines.join('\n')}
`
}

const fishQuoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
