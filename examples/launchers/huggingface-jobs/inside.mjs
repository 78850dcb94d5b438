// Inside the job, in a folder where everything lies that was sent: runs the program, then sends its weights.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { uploadFiles } from '@huggingface/hub'

const attempts = 3
const folder = import.meta.dirname
const { HF_TOKEN, SHEIKH_JOB, ...variables } = process.env
const { endpoint, repository, branch, passed } = JSON.parse(SHEIKH_JOB)
const { request, command } = JSON.parse(await readFile(join(folder, 'job.json'), 'utf8'))
const paths = Object.fromEntries(Object.entries(request.paths).map(([key, path]) => [key, join(folder, path)]))
const requestFile = join(folder, 'request.json')
await writeFile(requestFile, JSON.stringify({ ...request, paths }))
await mkdir(paths.weights)
await mkdir(join(folder, 'files'), { recursive: true })

const code = await run()
if (code !== 0) process.exit(code)
await sendWeights()

function run() {
  const [program, ...args] = command
  const env = {
    ...variables,
    // The token may write to the repository: the program has it where it is named.
    ...(passed.includes('HF_TOKEN') && { HF_TOKEN }),
    // Else Python holds lines back until it has some kilobytes.
    PYTHONUNBUFFERED: '1',
    SHEIKH_REQUEST: requestFile,
  }
  const child = spawn(program, [...args, requestFile], {
    cwd: join(folder, 'files'),
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`Cannot start ${JSON.stringify(program)}: ${error.message}`)
      resolve(127)
    })
    child.once('exit', (exitCode, signal) => {
      if (signal !== null)
        console.error(
          `The program was killed by ${signal}${signal === 'SIGKILL' ? ': most likely memory ran out' : ''}`,
        )
      resolve(exitCode ?? 1)
    })
  })
}

/** In one commit with the list of them: there are all or none. */
async function sendWeights() {
  const entries = await readdir(paths.weights, { recursive: true, withFileTypes: true })
  const weights = []
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const from = join(entry.parentPath, entry.name)
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(from)) hash.update(chunk)
    weights.push({ path: relative(paths.weights, from).split(sep).join('/'), sha256: hash.digest('hex'), from })
  }
  const ended = JSON.stringify({ weights: weights.map(({ path, sha256 }) => ({ path, sha256 })) })
  const files = [
    ...weights.map(({ path, from }) => ({ path: `weights/${path}`, content: pathToFileURL(from) })),
    { path: 'ended.json', content: new Blob([ended]) },
  ]
  const repo = { type: 'dataset', name: repository }
  for (let attempt = 1; ; attempt++) {
    try {
      await uploadFiles({
        hubUrl: endpoint,
        accessToken: HF_TOKEN,
        repo,
        branch,
        files,
        commitTitle: 'Weights',
        useWebWorkers: false,
      })
      return
    } catch (error) {
      if (attempt === attempts) throw error
      console.error(`Sending the weights again: ${error.message}`)
      await wait(2_000 * attempt)
    }
  }
}
