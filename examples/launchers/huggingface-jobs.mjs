// Runs a program as a job of Hugging Face: sends its rows and files, follows what it prints, takes its weights, ends as
// it ends, and cancels the job when this is stopped. In the folder of the program:
// node huggingface-jobs.mjs --repository team/jobs --image python:3.12 [option]… -- <program> [argument]… <request.json>
// HF_TOKEN: may write to the repository and run jobs. HF_ENDPOINT: another Hub.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const options = {
  repository: { type: 'string' }, // a private dataset, made if it is not there; a run has a branch of it until it ends
  image: { type: 'string' }, // has node, or pip, from which node is got
  flavor: { type: 'string', default: 'cpu-basic' }, // the hardware
  namespace: { type: 'string' }, // who pays; else the owner of the repository
  'timeout-seconds': { type: 'string' }, // after which the Hub ends the job; its own default is half an hour
  'poll-seconds': { type: 'string', default: '1' }, // between two requests for the state of the job
  file: { type: 'string', multiple: true, default: [] }, // files and folders to send, beside those that the command names
  secret: { type: 'string', multiple: true, default: [] }, // names of variables that the program gets
}

const [, , ...given] = process.argv
// Killed, a process can cancel nothing. So the work is done by one of another session, which sees by its stdin that this
// one is gone.
if (given[0] === 'work') await work(given.slice(1))
else watch()

function watch() {
  const command = [fileURLToPath(import.meta.url), 'work', ...given]
  const worker = spawn(process.execPath, command, { detached: true, stdio: ['pipe', 'inherit', 'inherit'] })
  worker.stdin.on('error', () => {})
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => worker.stdin.end())
  worker.on('exit', (code) => process.exit(code ?? 1))
}

async function work(args) {
  const stopping = new AbortController()
  const stop = () => stopping.abort(new Error('stopped'))
  process.stdin.on('close', stop).resume()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop)
  // Nobody reads any more, and there is still a job to cancel.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const { HF_TOKEN: token = '' } = process.env
  const hidden = [token]
  const shown = (text) =>
    hidden.reduce((left, secret) => (secret === '' ? left : left.replaceAll(secret, '[secret]')), text)
  const print = (line) => process.stdout.write(`${shown(line)}\n`)
  const warn = (line) => process.stderr.write(`huggingface-jobs: ${shown(line)}\n`)
  let code = 1
  try {
    const end = args.indexOf('--')
    if (end < 0) throw new Error('put "--" before the program')
    const { values } = parseArgs({ args: args.slice(0, end), options })
    for (const name of ['repository', 'image'])
      if (!values[name]) throw new Error(`name the ${name}: --${name} <${name}>`)
    const seconds = values['timeout-seconds']
    if (seconds !== undefined && !(Number(seconds) > 0)) throw new Error('--timeout-seconds is not a number above 0')
    const pollMs = Number(values['poll-seconds']) * 1000
    if (!(pollMs > 0)) throw new Error('--poll-seconds is not a number above 0')
    if (token === '') throw new Error('set HF_TOKEN, and name it in "env" of commandTrainer')
    const secrets = Object.fromEntries(values.secret.map((name) => [name, process.env[name]]))
    for (const [name, value] of Object.entries(secrets))
      if (value === undefined) throw new Error(`set ${name}, or leave --secret ${name} out`)
    hidden.push(...Object.values(secrets))
    const { launch } = await import('./huggingface-jobs/launch.mjs')
    const timeoutSeconds = seconds === undefined ? undefined : Number(seconds)
    const command = args.slice(end + 1)
    await launch(
      { ...values, command, token, secrets, timeoutSeconds, pollMs },
      { signal: stopping.signal, print, warn },
    )
    code = 0
  } catch (error) {
    warn(error.message)
  }
  process.exit(code)
}
