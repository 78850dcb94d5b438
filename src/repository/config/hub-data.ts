/** Samples in a dataset repository of the Hugging Face Hub. */
export interface HubDataAddress {
  /** `datasets/owner/name`. */
  readonly repository: string
  /** A branch, a tag, a commit or a ref such as `refs/convert/parquet`. */
  readonly revision?: string | undefined
  /** A path or a glob of data files. */
  readonly files?: string | undefined
  readonly config?: string | undefined
  readonly split?: string | undefined
}

/** An address whose revision is a commit. */
export interface PinnedHubData extends HubDataAddress {
  readonly revision: string
}

/** Whether the revision is a commit, which never moves. */
export const isPinned = (address: HubDataAddress): address is PinnedHubData =>
  /^[0-9a-f]{40}$/.test(address.revision ?? '')

export const isHubAddress = (text: string): boolean => text.startsWith('hf:')

// As huggingface_hub writes it: a revision with a slash is one of these, or has its slash escaped.
const pattern =
  /^hf:(?:\/\/)?(datasets\/[\w.-]+\/[\w.-]+)(?:@(refs\/convert\/[\w.-]+|refs\/pr\/\d+|[^/?]+))?(?:\/([^?]*))?(?:\?(.*))?$/

/** Reads `hf:datasets/owner/name@revision/files?config=…&split=…`. @returns the problem, if the text is no such address. */
export function parseHubData(text: string): HubDataAddress | string {
  const [, repository, revision, files, query] = pattern.exec(text) ?? []
  if (repository === undefined)
    return 'is not an address of a dataset such as "hf:datasets/owner/name@<commit>" or "hf:datasets/owner/name@<commit>/data/*.parquet"'
  const parameters = new URLSearchParams(query ?? '')
  for (const name of parameters.keys())
    if (name !== 'config' && name !== 'split') return `has an unknown parameter "${name}"; use config and split`
  const [config, split] = [parameters.get('config') || undefined, parameters.get('split') || undefined]
  if (files && (config !== undefined || split !== undefined))
    return 'names both files and a config or split; leave out one of them'
  let name: string | undefined
  try {
    name = revision === undefined ? undefined : decodeURIComponent(revision)
  } catch {
    return `has the revision "${revision}", which is not valid text`
  }
  return {
    repository,
    // As DuckDB writes it.
    ...(name !== undefined && { revision: name === '~parquet' ? 'refs/convert/parquet' : name }),
    ...(files && { files }),
    ...(config !== undefined && { config }),
    ...(split !== undefined && { split }),
  }
}

/** The text of an address. */
export function formatHubData({ repository, revision, files, config, split }: HubDataAddress): string {
  const query = new URLSearchParams({ ...(config !== undefined && { config }), ...(split !== undefined && { split }) })
  const name = revision?.startsWith('refs/') ? revision : revision && encodeURIComponent(revision)
  return `hf:${repository}${name === undefined ? '' : `@${name}`}${files === undefined ? '' : `/${files}`}${query.size > 0 ? `?${query}` : ''}`
}

/** @returns the problem of an address that a run cannot use. */
export function hubDataProblem(text: string): string | undefined {
  const found = parseHubData(text)
  if (typeof found === 'string') return `"${text}" ${found}`
  if (isPinned(found)) return undefined
  const fact =
    found.revision === undefined ? 'names no revision' : `names the revision "${found.revision}", which may move`
  return `"${text}" ${fact}. Pin its commit: sheikh data pin`
}

/** @param value of `samples`, checked. */
export function hubDataOf(value: unknown): PinnedHubData | undefined {
  const found = typeof value === 'string' && isHubAddress(value) ? parseHubData(value) : undefined
  return typeof found === 'object' && isPinned(found) ? found : undefined
}
