import { once } from 'node:events'
import { resolve } from 'node:path'
import type { Json } from '../../core/index.js'
import { readDriftReport } from '../../drift/index.js'
import { directoryFeedback } from '../../feedback/index.js'
import { type PredictionServer, serve } from '../../serve/index.js'
import { type Command, toJson } from '../command.js'
import { cannotServe, isThisMachine, portOf, tokenIn } from '../listen-options.js'
import { showWork } from '../progress.js'
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
    drift: { type: 'string' },
    follow: { type: 'boolean' },
    'poll-seconds': { type: 'string' },
    'refresh-secret-env': { type: 'string' },
    cache: { type: 'string' },
    feedback: { type: 'string' },
    feast: { type: 'string' },
    'feast-token-env': { type: 'string' },
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
    drift: 'File of "sheikh drift --out drift.json" to show in /metrics; read again at each request',
    follow: 'Switch to each new release of the channel, between two requests',
    'poll-seconds': 'How often to look for a new release, in seconds (default: 60)',
    'refresh-secret-env': 'Environment variable with the secret of webhooks that may call POST /v1/refresh',
    cache: 'Folder that keeps releases, so that the server starts without the registry (default: none)',
    feedback: 'Folder to keep inputs and answers in, and feedback from POST /v1/feedback (default: nothing is kept)',
    feast: "Address of Feast's server that looks up the features of inputs (default: inputs contain them)",
    'feast-token-env': 'Environment variable with the bearer token for the server of Feast',
  },
  examples: [
    'sheikh serve --port 9000',
    'sheikh serve --channel production --host 0.0.0.0 --token-env SERVE_TOKEN',
    'sheikh serve --channel production --follow --cache /var/cache/models',
  ],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const host = textOf(values['host']) ?? '127.0.0.1'
    const token = tokenIn(textOf(values['token-env']), 'serve')
    if (token === undefined && values['without-token'] !== true && !isThisMachine(host))
      throw usage(
        `the address ${host} is public, and nobody would be asked for a token. Name a variable with --token-env, or allow it with --without-token`,
      )
    const port = portOf(textOf(values['port']) ?? '8080', 'serve')
    const following = followed(values)
    const folder = textOf(values['feedback'])
    const drift = textOf(values['drift'])
    if (drift !== undefined && values['metrics'] !== true)
      throw usage('--drift is given without --metrics, where it is shown. Add --metrics')
    const feast = textOf(values['feast'])
    const feastToken = tokenIn(textOf(values['feast-token-env']), 'serve')
    if (feastToken !== undefined && feast === undefined)
      throw usage('--feast-token-env is given without --feast. Add the address of Feast')
    const repository = await open(project, terminal)
    showWork(terminal, 'load the release')
    const releases = await repository.serving(feast === undefined ? {} : { feast: { url: feast, token: feastToken } })
    await using server = await serve<Json>(
      {
        ...releases,
        ...following,
        ...{ host, port, token, name: textOf(values['name']), metrics: values['metrics'] === true },
        cache: textOf(values['cache']),
        ...(drift !== undefined && { drift: () => readDriftReport(resolve(terminal.cwd, drift)) }),
        ...(folder !== undefined && { feedback: { store: directoryFeedback(resolve(terminal.cwd, folder)) } }),
      },
      { log: { ...logTo(terminal), info: (message) => terminal.err(`${message}.\n`) } },
    )
    const { pollMs } = following
    const when = pollMs === undefined ? '' : ` Looks for a new release every ${pollMs / 1000} s.`
    const { version, bundle } = server.release
    terminal.err(
      `Serving ${version} (${bundle.slice(0, 19)}) at ${server.url}.${when} Stop it with Ctrl-C or SIGTERM.\n`,
    )
    await untilStopped(server, terminal.signal)
    const last = { version: server.release.version, bundle: server.release.bundle }
    return { text: `Stopped serving ${last.version}.`, json: toJson({ release: last, url: server.url }) }
  },
}

/** What `--channel`, `--version`, `--follow` and their companions say. @throws `invalid-options`. */
function followed(values: Readonly<Record<string, string | boolean | undefined>>) {
  const channel = textOf(values['channel'])
  const version = textOf(values['version'])?.replace(/^v/, '')
  const seconds = textOf(values['poll-seconds'])
  const follow = values['follow'] === true
  if (version !== undefined && channel !== undefined)
    throw usage('both --version and --channel are given. Give one of them')
  if (version !== undefined && follow) throw usage('both --version and --follow are given, but a version never changes')
  if (seconds !== undefined && !follow) throw usage('--poll-seconds is given without --follow')
  if (seconds !== undefined && !/^[1-9]\d{0,5}$/.test(seconds))
    throw usage(`--poll-seconds is ${JSON.stringify(seconds)}. Give a whole number from 1 to 999999`)
  const refreshSecret = tokenIn(textOf(values['refresh-secret-env']), 'serve')
  return {
    ...(channel !== undefined && { channel }),
    version,
    refreshSecret,
    pollMs: follow ? Number(seconds ?? 60) * 1000 : undefined,
  }
}

/** Waits for the signal, and answers the requests that are in progress. */
async function untilStopped(server: PredictionServer, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
  await server.close()
}

const textOf = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined)

const usage = (fact: string) => cannotServe(fact, 'serve')
