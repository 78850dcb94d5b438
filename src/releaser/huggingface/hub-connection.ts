import { SheikhError, webAddress } from '../../core/index.js'
import type { Fetch, RetryOptions } from '../remote/index.js'

// Separate from the transport, so that a host's type check does not load the types of @huggingface/hub, which need the DOM types.
export interface HubConnection {
  /** `ns/name` of a model repository, or `datasets/ns/name`. */
  readonly repository: string
  /** An access token; begins with `hf_`. Without it, only public repositories can be read. */
  readonly token?: string | undefined
  /** @default 'https://huggingface.co' */
  readonly endpoint?: string | undefined
  /** The `fetch` function to use. @default the platform's */
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
    `Cannot use ${JSON.stringify(repository)} as a repository of the Hub: it is not a repository id. Write it like "name/model" or "datasets/name/data".`,
  )
}
