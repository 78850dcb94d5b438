import { type CallContext, SheikhError } from '../core/index.js'
import { isModelFile } from '../pipeline/index.js'
import type { HubSnapshot } from '../releaser/huggingface/index.js'
import { type Releaser, tagFormat, type Version } from '../releaser/index.js'
import { proxyFetch } from '../releaser/remote/index.js'
import type { EnvironmentVariables } from './git/index.js'
import { hubAddress } from './release-targets.js'

/** The parts of `hf:name/model@revision`. @throws `invalid-options`. */
function parseHubId(text: string): { readonly repository: string; readonly revision?: string | undefined } {
  const [, repository, revision] = /^hf:([^@]+)(?:@(.+))?$/.exec(text) ?? []
  if (repository !== undefined) return { repository, revision }
  throw new SheikhError(
    'invalid-options',
    `Cannot use "${text}": it is not a Hub address. Write it like "hf:name/model@v1.2.0".`,
  )
}

export const hubConnection = (environment: EnvironmentVariables) => ({
  token: environment['HF_TOKEN'] || undefined,
  endpoint: hubAddress(environment),
  fetch: proxyFetch(environment),
})

/** The registry in a repository of the Hub, and the version that a tag names; without one, none. @throws `invalid-options`. */
export async function hubRelease(
  text: string,
  environment: EnvironmentVariables,
): Promise<{ readonly releaser: Releaser; readonly version?: Version | undefined }> {
  const { repository, revision } = parseHubId(text)
  const version =
    revision === undefined ? undefined : tagFormat('v{version}').versionOf(`v${revision.replace(/^v/, '')}`)
  if (revision !== undefined && version === undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot read "${text}": "${revision}" is not the tag of a version. Write it like "hf:name/model@v1.2.0".`,
    )
  const { huggingFaceRegistry } = await import('../releaser/huggingface/index.js')
  return { releaser: huggingFaceRegistry({ repository, ...hubConnection(environment) }), version }
}

/** Fetches what is part of a model from any repository of the Hub. */
export async function fetchModel(
  text: string,
  directory: string,
  environment: EnvironmentVariables,
  context: CallContext,
): Promise<HubSnapshot> {
  const { hubSnapshot } = await import('../releaser/huggingface/index.js')
  const options = { ...parseHubId(text), ...hubConnection(environment), wanted: isModelFile }
  return hubSnapshot(options, directory, context)
}
