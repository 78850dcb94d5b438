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
