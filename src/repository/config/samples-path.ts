/** Where samples lie, below the project. */
export interface SamplesPath {
  readonly directory: string
  /** Of the files below it. @default all that samples are in */
  readonly pattern?: string | undefined
}

export const whySamples =
  'only a file, a folder or a glob below dataset/ is part of what a release is made of; samples are read from dataset/samples'

/**
 * `./dataset/train`, `dataset/samples/spam.jsonl` or `dataset/{a,b}/*.json`, which are folder and pattern; nothing for another
 * path, or for `dataset` itself, where schemas are too.
 */
export function samplesOf(path: unknown): SamplesPath | undefined {
  if (typeof path !== 'string') return undefined
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  if (path.startsWith('/') || names.includes('..') || names[0] !== 'dataset' || names.length < 2) return undefined
  const glob = names.findIndex((name) => /[*?{]/.test(name))
  const isFile = glob < 0 && /\.(json|jsonl|csv)$/.test(names.at(-1)!)
  const split = isFile ? names.length - 1 : glob
  if (split < 0) return { directory: names.join('/') }
  return { directory: names.slice(0, split).join('/'), pattern: names.slice(split).join('/') }
}
