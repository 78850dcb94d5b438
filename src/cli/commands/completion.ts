import { SheikhError } from '../../core/index.js'
import type { Command } from '../command.js'
import { completionScript, shells } from '../completion.js'

export const completion: Command = {
  name: 'completion',
  usage: shells.join(' | '),
  summary: 'Print the script that completes sheikh commands in your shell',
  options: {},
  optionHelp: {},
  actions: shells,
  examples: [
    'sheikh completion bash > ~/.local/share/bash-completion/completions/sheikh',
    'sheikh completion fish > ~/.config/fish/completions/sheikh.fish',
  ],
  positionals: [1, 1],
  async run({ positionals }) {
    const shell = shells.find((each) => each === positionals[0])
    if (shell === undefined)
      throw new SheikhError(
        'invalid-options',
        `Cannot print a completion for "${positionals[0]}": the shell must be bash, zsh or fish. See: sheikh completion --help`,
      )
    // Imported here, because the table imports this command.
    const { allCommands } = await import('../command-table.js')
    const script = completionScript(shell, await allCommands())
    return { text: script, json: { shell, script } }
  },
}
