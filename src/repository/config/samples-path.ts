import { sampleFormatOf } from '../../dataset/index.js'

/** Where samples lie, below the project. */
export interface SamplesPath {
  /** The first folder, as `dataset/samples`: ids that are places, and the slice `category`, are told from there. */
  readonly directory: string
  /** Of the files below it. @default all that samples are in */
  readonly pattern?: string | undefined
}

export const whySamples =
  'only what is below a folder in dataset/ can be samples, as dataset/samples/mail or dataset/train/*.jsonl; dataset/samples is read'

/**
 * Folder and pattern of `./dataset/train`, `dataset/samples/mail`, `dataset/samples/{mail,web}/*.json` or
 * `dataset/train.jsonl`; nothing for another path, nor where schemas and the evaluation set are.
 */
export function samplesOf(path: unknown): SamplesPath | undefined {
  if (typeof path !== 'string' || path.startsWith('/')) return undefined
  const [root, first, ...rest] = path.split('/').filter((name) => name !== '' && name !== '.')
  if (root !== 'dataset' || first === undefined || first === 'schemas' || /[*?{}]/.test(first)) return undefined
  if (first === 'evaluation.json' || rest.includes('..') || first === '..') return undefined
  const isFile = (name: string) => sampleFormatOf(name) !== undefined
  if (rest.length === 0) return isFile(first) ? { directory: root, pattern: first } : { directory: `${root}/${first}` }
  const pattern = rest.join('/')
  const isWhole = isFile(rest.at(-1)!) || /[*?{]/.test(pattern)
  return { directory: `${root}/${first}`, pattern: isWhole ? pattern : `${pattern}/**` }
}

/** Folders that are no data, whatever they contain. */
const otherFolders = ['mlops', 'prompts', 'node_modules']

/**
 * Folder and pattern of `samples` in dataset/config.yaml: globs anywhere in the project, such as `data/**\/*.parquet`. The
 * folder is the deepest one that contains all of them.
 *
 * @returns the problem, if there are no such folder and pattern.
 */
export function samplesOfPatterns(patterns: readonly string[]): SamplesPath | string {
  const found: { readonly folders: readonly string[]; readonly rest: readonly string[] }[] = []
  for (const pattern of patterns) {
    const problem = globProblem(pattern)
    if (problem !== undefined) return `"${pattern}" ${problem}`
    const names = pattern.split('/').filter((name) => name !== '' && name !== '.')
    const first = names.findIndex((name) => /[*?{}]/.test(name))
    const isFile = first < 0 && sampleFormatOf(pattern) !== undefined
    const count = first < 0 ? names.length - (isFile ? 1 : 0) : first
    const [root] = count === 0 ? [] : names
    if (root === undefined) return `"${pattern}" does not begin with a folder, as in "data/**/*.parquet"`
    if (otherFolders.includes(root)) return `"${pattern}" is in ${root}/, which contains no samples`
    found.push({ folders: names.slice(0, count), rest: count === names.length ? ['**'] : names.slice(count) })
  }
  const [one] = found
  if (one === undefined) return 'the list is empty'
  const { folders } = one
  const other = folders.findIndex((name, index) => found.some((each) => each.folders[index] !== name))
  const shared = other < 0 ? folders : folders.slice(0, other)
  const directory = shared.join('/')
  if (directory === '') return 'the patterns have no folder in common; move the files below one folder'
  if (directory === 'dataset' || /^dataset\/(schemas|feedback)(\/|$)/.test(directory))
    return `${directory}/ also contains other files; name a folder such as "dataset/samples"`
  const rests = found.map((each) => [...each.folders.slice(shared.length), ...each.rest].join('/'))
  if (rests.includes('**')) return { directory }
  return { directory, pattern: rests.length === 1 ? rests[0] : `{${rests.join(',')}}` }
}

function globProblem(pattern: string): string | undefined {
  if (/^[/~]|^[a-z]:|\\/i.test(pattern)) return 'is not a path or a glob relative to the project, with "/"'
  if (/(^|[/{,])\.\.($|[/},])/.test(pattern)) return 'leads out of its folder with ".."'
  // Such files are not read, so the pattern would find nothing.
  if (/(^|[/{,])\.[^/]/.test(pattern)) return 'names a file or folder that begins with a dot, which is not read'
  return undefined
}
