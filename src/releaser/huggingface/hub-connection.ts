import { SheikhError, webAddress } from '../../core/index.js'
import type { Fetch, RetryOptions } from '../remote/index.js'

// Apart from the transport: what a host's types see of this room needs none of @huggingface/hub's, which need the DOM's.
export interface HubConnection {
  /** `ns/name` of a model repository, or `datasets/ns/name`. */
  readonly repository: string
  /** Begins with `hf_`. Without one only public repositories can be read. */
  readonly token?: string | undefined
  /** @default 'https://huggingface.co' */
  readonly endpoint?: string | undefined
  /** @default the platform's */
  readonly fetch?: Fetch | undefined
  readonly patience?: RetryOptions | undefined
}

const pattern = /^(datasets\/)?[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/

/** @returns the endpoint without a slash at its end. @throws `invalid-options`. */
export function checkConnection({
  repository,
  endpoint = 'https://huggingface.co',
}: Pick<HubConnection, 'repository' | 'endpoint'>): string {
  if (pattern.test(repository) && !repository.includes('..'))
    return webAddress(endpoint, 'endpoint', 'https://huggingface.co').replace(/\/+$/, '')
  throw new SheikhError(
    'invalid-options',
    `Cannot use ${JSON.stringify(repository)} as a repository of the Hub: write it like "name/model" or "datasets/name/data".`,
  )
}
