import { createHash } from 'node:crypto'
import { createReadStream, existsSync, realpathSync } from 'node:fs'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

// Beside code, and never meant to be sent; nor is what begins with a dot.
const passedOver = new Set(['__pycache__', 'node_modules'])
/** Of @huggingface/hub, for its types only. */
const unneeded = '@huggingface/tasks'

/**
 * What the job finds: rows, base, the program's files and what runs it, each with its digest; and `job.json`, which lists them.
 *
 * @returns `path` in the repository, and `from` or `text`
 */
export async function filesToSend(request, command, named) {
  const { training, development, base } = request.paths
  const inCommand = (await Promise.all(command.map(isFileHere))).flatMap((isFile, index) =>
    isFile ? [command[index]] : [],
  )
  const files = [
    { path: 'inside.mjs', from: fileURLToPath(new URL('inside.mjs', import.meta.url)) },
    ...(await clientFiles()),
    { path: 'training.jsonl', from: training },
    ...(development ? [{ path: 'development.jsonl', from: development }] : []),
    ...(base ? await below(base, 'base') : []),
    ...(
      await Promise.all([...new Set([...inCommand, ...named])].map((path) => below(path, `files/${placed(path)}`)))
    ).flat(),
  ]
  const listed = []
  for (const { path, from } of files) listed.push({ path, sha256: await digestOf(from) })
  // A folder of checkpoints would be a new one in every job.
  const paths = {
    training: 'training.jsonl',
    weights: 'weights',
    ...(development && { development: 'development.jsonl' }),
    ...(base && { base: 'base' }),
  }
  return [
    ...files,
    { path: 'job.json', text: JSON.stringify({ request: { ...request, paths }, command, files: listed }) },
  ]
}

/** Where it lies in the program's folder, which is the current one. */
function placed(path) {
  const place = relative('.', path).split(sep).join('/')
  if (place === '' || place.startsWith('..'))
    throw new Error(`${JSON.stringify(path)} does not lie in the program's folder`)
  return place
}

const isFileHere = (path) =>
  lstat(path).then(
    (stats) => stats.isFile() && !relative('.', path).startsWith('..'),
    () => false,
  )

async function below(path, place) {
  const stats = await lstat(path)
  if (stats.isFile()) return [{ path: place, from: path }]
  // What a link leads to may be anything.
  if (!stats.isDirectory()) throw new Error(`${JSON.stringify(path)} is not a plain file or folder`)
  const names = (await readdir(path)).filter((name) => !name.startsWith('.') && !passedOver.has(name))
  return (await Promise.all(names.map((name) => below(join(path, name), `${place}/${name}`)))).flat()
}

/** @huggingface/hub itself travels along: an image need not have it, nor reach a registry. */
async function clientFiles() {
  const files = []
  const seen = new Set()
  const waiting = [{ name: '@huggingface/hub', by: fileURLToPath(import.meta.url) }]
  for (const { name, by } of waiting) {
    if (seen.has(name) || name === unneeded) continue
    seen.add(name)
    const found = createRequire(by)
      .resolve.paths(name)
      .map((path) => join(path, name))
      .find((path) => existsSync(path))
    const folder = realpathSync(found)
    const manifest = join(folder, 'package.json')
    for (const dependency of Object.keys(JSON.parse(await readFile(manifest, 'utf8')).dependencies ?? {}))
      waiting.push({ name: dependency, by: manifest })
    for (const file of [{ path: 'package.json', from: manifest }, ...(await below(join(folder, 'dist'), 'dist'))])
      if (/^package\.json$|^dist\/(?:[^/]+\.mjs|esm\/.*\.js(?:on)?)$/.test(file.path))
        files.push({ path: `node_modules/${name}/${file.path}`, from: file.from })
  }
  return files
}

async function digestOf(path) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
