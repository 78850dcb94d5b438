import { isAbsolute, join } from 'node:path'
import { type CallContext, SheikhError, webAddress } from '../core/index.js'
import { directoryRegistry } from '../releaser/directory/index.js'
import { type Releaser, releaseTo } from '../releaser/index.js'
import { proxyFetch } from '../releaser/remote/index.js'
import type { BucketCredentials, BucketOptions } from '../store/bucket/index.js'
import type { ReleaseConfiguration, ReleaseTarget } from './config/index.js'
import type { EnvironmentVariables } from './git/index.js'

/** How much of a file is uploaded to a registry or downloaded from it. */
export interface FileTransfer {
  readonly direction: 'upload' | 'download'
  /** Relative to the release, or to the dataset for files of Git LFS. */
  readonly path: string
  /** The completed share, 0..1. */
  readonly progress: number
}

/** Where a project stands. */
export interface Surroundings {
  readonly root: string
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly project: string
  /**
   * Where `.sheikh/` is, and the releases in a folder: `root`, or the project's folder in the main work tree if this is a
   * linked one. All work trees of a repository share its ledger, so they share its lock and its releases too.
   */
  readonly shared: string
  /** The project's folder in this work tree, whose file `.lfsconfig` may name a server of Git LFS. @default `shared` */
  readonly workTree?: string | undefined
  /** Where Git fetches `origin` from. */
  readonly originUrl: () => Promise<string | undefined>
  /** As `Git.folderContent`, for an absolute path. Absent: nothing is known. */
  readonly folderContent?: ((folder: string, context: CallContext) => Promise<string | undefined>) | undefined
  /** Tokens and addresses: HF_TOKEN, HF_ENDPOINT, GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, AWS_*. */
  readonly environment: EnvironmentVariables
  readonly onTransfer?: ((transfer: FileTransfer) => void) | undefined
}

/** Variables that contain secrets of the library's own connections. */
export const secretNames: readonly string[] = [
  'HF_TOKEN',
  'GITHUB_TOKEN',
  'SHEIKH_GIT_TOKEN',
  'SHEIKH_SIGNING_KEY',
  'SHEIKH_SIGNING_PASSPHRASE',
  'SIGSTORE_ID_TOKEN',
  'MLFLOW_TRACKING_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
]

/** What nobody may read in a log, a record or a card. */
export const secretsOf = (environment: EnvironmentVariables): readonly string[] =>
  secretNames.flatMap((name) => environment[name] ?? [])

/** The address of a server in a variable. @throws `invalid-options` that names the variable. */
export function addressIn(environment: EnvironmentVariables, name: string, example: string): string | undefined {
  const address = environment[name]
  return address ? webAddress(address, name, example) : undefined
}

export const hubAddress = (environment: EnvironmentVariables) =>
  addressIn(environment, 'HF_ENDPOINT', 'https://huggingface.co')

/** Where people read what is on GitHub; a server of a company has another. */
export const gitHubAddress = (environment: EnvironmentVariables) =>
  new URL(addressIn(environment, 'GITHUB_SERVER_URL', 'https://github.com') ?? 'https://github.com')

/** The registries that a configuration names. @throws `invalid-config` for a GitHub repository that nothing names. */
export async function registriesOf(
  { targets, modelName }: ReleaseConfiguration,
  surroundings: Surroundings,
  dataLicense?: string,
): Promise<readonly Releaser[]> {
  return Promise.all(targets.map((target) => registryOf(target, surroundings, { dataLicense, modelName })))
}

export const oneReleaser = (registries: readonly Releaser[]): Releaser =>
  registries.length === 1 ? registries[0]! : releaseTo(registries)

async function registryOf(
  target: ReleaseTarget,
  { shared, project, originUrl, environment, onTransfer }: Surroundings,
  named: Readonly<Record<'dataLicense' | 'modelName', string | undefined>>,
): Promise<Releaser> {
  if (target.kind === 'directory')
    return directoryRegistry(isAbsolute(target.path) ? target.path : join(shared, target.path))
  // Only what is asked for is loaded.
  if (target.kind === 'huggingface') {
    const hub = await import('../releaser/huggingface/index.js')
    const { repository, create, tagFormat, license } = target
    const [endpoint, fetch] = [hubAddress(environment), proxyFetch(environment)]
    const secret = environment['HF_TOKEN'] || undefined
    // In GitHub Actions no secret is needed.
    const identity = secret === undefined ? hub.actionsIdentity(environment, fetch) : undefined
    return hub.huggingFaceRegistry({
      repository,
      create,
      tagFormat,
      license,
      ...named,
      endpoint,
      token: identity === undefined ? secret : hub.trustedPublisherToken,
      fetch: identity === undefined ? fetch : hub.trustedPublisherFetch({ repository, identity, endpoint, fetch }),
      onProgress: onTransfer,
    })
  }
  if (target.kind === 's3') {
    const { s3Registry } = await import('../releaser/s3/index.js')
    return s3Registry(bucketIn(target, environment))
  }
  const { githubRegistry } = await import('../releaser/github/index.js')
  return githubRegistry({
    repository: (await gitHubRepository(target.repository, { environment, originUrl })) ?? unnamed(),
    tagFormat: target.tagFormat ?? projectTagFormat(project),
    token: environment['GITHUB_TOKEN'] || undefined,
    baseUrl: addressIn(environment, 'GITHUB_API_URL', 'https://github.example.com/api/v3'),
    fetch: proxyFetch(environment),
    onProgress:
      onTransfer &&
      (({ act, path, doneBytes, totalBytes }) =>
        onTransfer({ direction: act, path, progress: totalBytes === 0 ? 1 : doneBytes / totalBytes })),
  })
}

/** The tags of a project in the releases of its GitHub repository, which it may share with other projects. */
export function projectTagFormat(project: string): string {
  const name = project.replaceAll(/[^\w.+-]/g, '-').replace(/^[^A-Za-z0-9_]+/, '')
  return name === '' ? 'v{version}' : `${name}-v{version}`
}

/** A bucket with the settings and credentials of the environment, as other programs find them. */
export const bucketIn = (
  { address, endpoint, region }: Pick<BucketOptions, 'address' | 'endpoint' | 'region'>,
  environment: EnvironmentVariables,
): BucketOptions => ({
  address,
  endpoint:
    endpoint ??
    addressIn(environment, 'AWS_ENDPOINT_URL_S3', 'https://s3.example.com') ??
    addressIn(environment, 'AWS_ENDPOINT_URL', 'https://s3.example.com'),
  region: region ?? (environment['AWS_REGION'] || undefined),
  credentials: credentialsIn(environment),
})

/** Absent: the client looks for a profile, a role or single sign-on. */
function credentialsIn(environment: EnvironmentVariables): BucketCredentials | undefined {
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'] || undefined
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'] || undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return { accessKeyId, secretAccessKey, sessionToken: environment['AWS_SESSION_TOKEN'] || undefined }
}

/** `owner/name`: as it is configured, else the workflow's, else where Git fetches from. */
export const gitHubRepository = async (
  configured: string | undefined,
  { environment, originUrl }: Pick<Surroundings, 'environment' | 'originUrl'>,
): Promise<string | undefined> =>
  configured ?? environment['GITHUB_REPOSITORY'] ?? repositoryAt(await originUrl(), environment)

/** `owner/name` of an address on GitHub, as HTTPS, SSH or scp writes it. */
function repositoryAt(url: string | undefined, environment: EnvironmentVariables): string | undefined {
  const { host } = gitHubAddress(environment)
  const found = url?.match(
    /^(?:https?:\/\/|ssh:\/\/)?(?:[^@/]*@)?([^/:]+(?::\d+)?)[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/,
  )
  return found?.[1] === host ? found[2] : undefined
}

function unnamed(): never {
  throw new SheikhError(
    'invalid-config',
    'Cannot release to GitHub: the repository is not set. Write github: { repo: owner/name } in mlops/pipeline.yaml, or set GITHUB_REPOSITORY.',
    { facts: { file: 'mlops/pipeline.yaml' } },
  )
}
