import { once } from 'node:events'
import { resolve } from 'node:path'
import { callContext } from '../../core/index.js'
import { bullmqWorker } from '../../execute/index.js'
import { type Command, type Terminal, toJson } from '../command.js'
import { logTo, open } from '../project.js'
import { countIn, queueHelp, queueIn, queueOptions, textIn, usageOf } from '../queue-options.js'

export const workerCommand: Command = {
  name: 'worker',
  usage: '',
  summary: 'Do jobs of a cluster until SIGTERM or Ctrl-C: trials and evaluations of this project, or those of a module',
  options: {
    ...queueOptions,
    module: { type: 'string' },
    export: { type: 'string' },
    device: { type: 'string' },
    concurrency: { type: 'string' },
    'memory-mb': { type: 'string' },
  },
  optionHelp: {
    ...queueHelp,
    module:
      'File that exports the function that makes the store and the kinds of jobs (default: trials and evaluations of this project)',
    export: 'Name of the function (default: worker)',
    device: 'What the jobs compute on, such as cuda (default: not named)',
    concurrency: 'Number of jobs at once, each in a process of its own (default: 1)',
    'memory-mb': 'Memory that a job may use, in MB; a process that uses more is killed (default: no limit)',
  },
  examples: [
    'sheikh worker --redis redis://queue.example:6379',
    'sheikh worker --postgres postgres://ann@queue.example/jobs --password-env PGPASSWORD --module worker.mjs --device cuda',
  ],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const queue = queueIn(values, usage)
    if (queue === undefined) throw usage('the address of the queue is missing. Give --redis or --postgres')
    const [module, exported] = [textIn(values, 'module'), textIn(values, 'export')]
    if (module === undefined && exported !== undefined) throw usage('--export names a function of --module. Give both')
    const options = {
      ...{ ...queue, device: textIn(values, 'device'), memoryMb: countIn(values, 'memory-mb', usage) },
      concurrency: countIn(values, 'concurrency', usage) ?? 1,
    }
    const worker =
      module === undefined
        ? await (await open(project, terminal)).worker({ signal: terminal.signal })
        : { module: resolve(terminal.cwd, module), export: exported }
    const log = { ...logTo(terminal), info: (message: string) => terminal.err(`${message}\n`) }
    await using started = await bullmqWorker({ ...options, worker }, callContext({ signal: terminal.signal, log }))
    const jobs = options.concurrency === 1 ? 'one job' : `${options.concurrency} jobs`
    terminal.err(`Worker ${started.name} does ${jobs} at a time. Stop it with Ctrl-C or SIGTERM.\n`)
    await untilStopped(terminal)
    await started.close()
    const { answered, givenBack } = started.counts()
    return {
      text: `Stopped worker ${started.name}. Jobs: ${answered} answered, ${givenBack} given back.`,
      json: toJson({ name: started.name, answered, givenBack }),
    }
  },
}

async function untilStopped({ signal }: Terminal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

const usage = usageOf('worker', 'start a worker')
