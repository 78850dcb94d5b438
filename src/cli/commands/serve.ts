import { once } from 'node:events'
import type { Json } from '../../core/index.js'
import { type PredictionServer, serve } from '../../serve/index.js'
import { type Command, toJson } from '../command.js'
import { cannotServe, isThisMachine, portOf, tokenIn } from '../listen-options.js'
import { loadNamed } from '../load-named.js'
import { logTo, open } from '../project.js'

export const serveCommand: Command = {
  name: 'serve',
  usage: '',
  summary: 'Answer HTTP requests with the released model until SIGTERM or Ctrl-C',
  options: {
    channel: { type: 'string' },
    version: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    name: { type: 'string' },
    'token-env': { type: 'string' },
    'without-token': { type: 'boolean' },
    metrics: { type: 'boolean' },
  },
  optionHelp: {
    channel: "Channel to answer with, such as production (default: the project's own)",
    version: 'Version to answer with (default: the current release)',
    host: 'Address to listen on (default: 127.0.0.1, this machine only)',
    port: 'Port to listen on; 0 is a free one (default: 8080)',
    name: "The model's name in the protocols that have one (default: model)",
    'token-env': 'Environment variable with the bearer token that clients must send',
    'without-token': 'Listen on a public address although nobody is asked for a token',
    metrics: 'Add /metrics for Prometheus; needs the package prom-client',
  },
  examples: ['sheikh serve --port 9000', 'sheikh serve --channel production --host 0.0.0.0 --token-env SERVE_TOKEN'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const host = textOf(values['host']) ?? '127.0.0.1'
    const token = tokenIn(textOf(values['token-env']), 'serve')
    if (token === undefined && values['without-token'] !== true && !isThisMachine(host))
      throw cannotServe(
        `the address ${host} is public, and nobody would be asked for a token. Name a variable with --token-env, or allow it with --without-token`,
        'serve',
      )
    const port = portOf(textOf(values['port']) ?? '8080', 'serve')
    const repository = await open(project, terminal)
    await using model = await loadNamed<Json>('serve', values, repository, terminal)
    const { template, read } = await repository.inputReader(model.release)
    await using server = await serve<Json>(
      {
        ...{ model, host, port, token, name: textOf(values['name']), metrics: values['metrics'] === true },
        // A template makes the input from the fields of a sample. Other models may take more than texts.
        inputSchema: { type: template === undefined ? ['string', 'object', 'array', 'number'] : 'object' },
        prepare: read,
      },
      { log: logTo(terminal) },
    )
    terminal.err(
      `Serving ${model.release.version} (${model.release.bundle.slice(0, 19)}) at ${server.url}. Stop it with Ctrl-C or SIGTERM.\n`,
    )
    await untilStopped(server, terminal.signal)
    const { version, bundle } = model.release
    return { text: `Stopped serving ${version}.`, json: toJson({ release: { version, bundle }, url: server.url }) }
  },
}

/** Waits for the signal, and answers the requests that are in progress. */
async function untilStopped(server: PredictionServer, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
  await server.close()
}

const textOf = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined)
