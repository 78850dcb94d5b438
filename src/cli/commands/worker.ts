import { once } from 'node:events'
import { resolve } from 'node:path'
import { callContext, SheikhError } from '../../core/index.js'
import { bullmqWorker } from '../../execute/index.js'
import { type Arguments, type Command, type Terminal, toJson } from '../command.js'
import { logTo } from '../project.js'

export const workerCommand: Command = {
  name: 'worker',
  usage: '',
  summary: 'Do jobs of a cluster until SIGTERM or Ctrl-C',
  options: {
    redis: { type: 'string' },
    postgres: { type: 'string' },
    'password-env': { type: 'string' },
    queue: { type: 'string' },
    module: { type: 'string' },
    export: { type: 'string' },
    device: { type: 'string' },
    concurrency: { type: 'string' },
    'memory-mb': { type: 'string' },
  },
  optionHelp: {
    redis: 'Address of Redis, such as redis://queue.example:6379; needs the packages bullmq and ioredis',
    postgres: 'Address of PostgreSQL, such as postgres://ann@queue.example/jobs; needs the packages bullmq and pg',
    'password-env': 'Environment variable with the password for the address',
    queue: 'Name of the queue (default: sheikh)',
    module: 'File that exports the function that makes the store and the kinds of jobs',
    export: 'Name of the function (default: worker)',
    device: 'What the jobs compute on, such as cuda (default: not named)',
    concurrency: 'Number of jobs at once, each in a process of its own (default: 1)',
    'memory-mb': 'Memory that a job may use, in MB; a process that uses more is killed (default: no limit)',
  },
  examples: [
    'sheikh worker --redis redis://queue.example:6379 --module worker.mjs --concurrency 4',
    'sheikh worker --postgres postgres://ann@queue.example/jobs --password-env PGPASSWORD --module worker.mjs --device cuda',
  ],
  positionals: [0, 0],
  async run({ values }, terminal) {
    const [module, device] = [textIn(values, 'module'), textIn(values, 'device')]
    if (module === undefined) throw usage('--module is missing. Name the file that makes the store and the kinds')
    const options = {
      ...addressIn(values),
      ...{ queue: textIn(values, 'queue'), device, memoryMb: countIn(values, 'memory-mb') },
      concurrency: countIn(values, 'concurrency') ?? 1,
      worker: { module: resolve(terminal.cwd, module), export: textIn(values, 'export') },
    }
    const log = { ...logTo(terminal), info: (message: string) => terminal.err(`${message}\n`) }
    await using worker = await bullmqWorker(options, callContext({ signal: terminal.signal, log }))
    const jobs = options.concurrency === 1 ? 'one job' : `${options.concurrency} jobs`
    terminal.err(`Worker ${worker.name} does ${jobs} at a time. Stop it with Ctrl-C or SIGTERM.\n`)
    await untilStopped(terminal)
    await worker.close()
    const { answered, givenBack } = worker.counts()
    return {
      text: `Stopped worker ${worker.name}. Jobs: ${answered} answered, ${givenBack} given back.`,
      json: toJson({ name: worker.name, answered, givenBack }),
    }
  },
}

type Values = Arguments['values']

/** The addresses, with the password of the environment. @throws `invalid-options`. */
function addressIn(values: Values) {
  const variable = textIn(values, 'password-env')
  const password = variable === undefined ? undefined : process.env[variable]
  if (variable !== undefined && !password)
    throw usage(`the environment variable "${variable}" is not set or empty. Set it`)
  const withPassword = (name: string) => {
    const text = textIn(values, name)
    // An address that is none is refused with the others.
    if (text === undefined || password === undefined || !URL.canParse(text)) return text
    const url = new URL(text)
    url.password = encodeURIComponent(password)
    return url.href
  }
  return { redis: withPassword('redis'), postgres: withPassword('postgres') }
}

async function untilStopped({ signal }: Terminal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

const textIn = (values: Values, name: string) => {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

function countIn(values: Values, name: string): number | undefined {
  const text = textIn(values, name)
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw usage(`--${name} is ${JSON.stringify(text)}. Give an integer of at least 1`)
}

const usage = (fact: string) =>
  new SheikhError('invalid-options', `Cannot start a worker: ${fact}. See: sheikh worker --help`)
