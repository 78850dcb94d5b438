import { once } from 'node:events'
import { type DashboardSource, projectSource, serveDashboard, writeSnapshot } from '../../dashboard/index.js'
import { type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { isThisMachine, portOf, tokenIn } from '../listen-options.js'
import { open, warningText } from '../project.js'
import { terminalPath } from '../terminal-path.js'

export const dashboard: Command = {
  name: 'dashboard',
  usage: '',
  summary: 'Show runs, releases and the ledger in a browser until SIGTERM or Ctrl-C; changes nothing',
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    'token-env': { type: 'string' },
    'include-text': { type: 'boolean' },
    feedback: { type: 'string' },
    drift: { type: 'string' },
    out: { type: 'string' },
  },
  optionHelp: {
    host: 'Address to listen on (default: 127.0.0.1, this machine only)',
    port: 'Port to listen on; 0 is a free one (default: 8081)',
    'token-env': 'Environment variable with a bearer token for programs; people open a link that is valid once',
    'include-text': 'Show the text of regressed items and what both models answered',
    feedback: 'Folder with the feedback, as given to "sheikh serve --feedback"',
    drift: 'File with a drift report, as "sheikh drift --json" prints it',
    out: 'Write the pages to this folder instead, to be opened without a server',
  },
  examples: ['sheikh dashboard', 'sheikh dashboard --out public'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
    const host = text('host') ?? '127.0.0.1'
    const port = portOf(text('port') ?? '8081', 'dashboard')
    const token = tokenIn(text('token-env'), 'dashboard')
    const repository = await open(project, terminal)
    const pathOf = (name: string) => {
      const path = text(name)
      return path === undefined ? undefined : terminalPath(terminal, path, `--${name}`)
    }
    const out = pathOf('out')
    const source = await projectSource(repository, {
      includeText: values['include-text'] === true,
      feedback: pathOf('feedback'),
      drift: pathOf('drift'),
    })
    if (out !== undefined) return written(source, out, terminal)
    const isPublic = !isThisMachine(host)
    const onLink = (link: string) => terminal.err(`Open this link, which is valid once: ${link}\n`)
    await using server = await serveDashboard(source, { host, port, token, isPublic, onLink })
    terminal.err(`The dashboard is at ${server.url}. Stop it with Ctrl-C or SIGTERM.\n`)
    if (!terminal.signal.aborted) await once(terminal.signal, 'abort')
    return { text: 'Stopped the dashboard.', json: toJson({ url: server.url }) }
  },
}

async function written(source: DashboardSource, folder: string, terminal: Terminal): Promise<CommandResult> {
  const { files, problems } = await writeSnapshot(source, folder)
  for (const { page, message } of problems) terminal.err([warningText(`${page} was not written. ${message}`), '\n'])
  return { text: `Wrote ${files} files to ${folder}. Open index.html.`, json: toJson({ folder, files, problems }) }
}
