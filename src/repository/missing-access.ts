// What a run needs from its surroundings and this machine does not have. Asks no server.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type CallContext, isSheikhError, type Json } from '../core/index.js'
import type { Trainer } from '../trainer/index.js'
import { type Configuration, secretsNamedIn } from './config/index.js'
import type { EnvironmentVariables } from './git/index.js'
import { trustedKeysPath } from './layout.js'
import type { Surroundings } from './release-targets.js'

/** Something that a run would miss here. Another machine, such as one that releases, may have it. */
export interface MissingAccess {
  readonly kind: 'secret' | 'device' | 'permission'
  /** The environment variable, the device, or the permission of the workflow's job, such as `id-token: write`. */
  readonly name: string
  readonly neededFor: 'training' | 'release' | 'signing' | 'notifications'
  /** One or more sentences: the fact and the remedy. */
  readonly message: string
}

/** Secrets and permissions that the configuration names or a release target needs. */
export function missingSecrets(
  { release: { targets }, notifications }: Configuration,
  { root, environment }: Pick<Surroundings, 'root' | 'environment'>,
): readonly MissingAccess[] {
  const isSet = (name: string) => Boolean(environment[name])
  const secret = (name: string, neededFor: MissingAccess['neededFor'], purpose: string): MissingAccess => ({
    ...{ kind: 'secret', name, neededFor },
    message: `${name} is not set: ${purpose}.${inWorkflow(name, environment)}`,
  })
  const kinds = new Set(targets.map(({ kind }) => kind))
  const found: MissingAccess[] = []
  if (kinds.has('huggingface') && !isSet('HF_TOKEN') && !hasIdentity(environment))
    found.push(
      secret('HF_TOKEN', 'release', 'a release to the Hub needs it, or a trusted publisher in GitHub Actions'),
      ...identity(environment, 'release', 'a trusted publisher of the Hub needs it'),
    )
  if (kinds.has('github') && !isSet('GITHUB_TOKEN'))
    found.push(secret('GITHUB_TOKEN', 'release', 'a release on GitHub needs it, with "contents: write"'))
  // Without both, a profile or a role of the machine may be there.
  const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const
  if (kinds.has('s3') && keys.some(isSet))
    for (const name of keys)
      if (!isSet(name)) found.push(secret(name, 'release', 'a release to S3 needs both AWS keys'))
  const signs = isSet('SHEIKH_SIGNING') || isSet('SHEIKH_SIGNING_KEY')
  if (!signs && existsSync(join(root, trustedKeysPath)))
    found.push(secret('SHEIKH_SIGNING_KEY', 'signing', `${trustedKeysPath} lists keys, and nothing would be signed`))
  if (environment['SHEIKH_SIGNING'] === 'sigstore' && !isSet('SIGSTORE_ID_TOKEN') && !hasIdentity(environment))
    found.push(...identity(environment, 'signing', 'signing with the identity of the runner needs it'))
  for (const name of secretsNamedIn(notifications))
    if (!isSet(name)) found.push(secret(name, 'notifications', 'the notifications in mlops/pipeline.yaml name it'))
  return found
}

const hasIdentity = (environment: EnvironmentVariables) => Boolean(environment['ACTIONS_ID_TOKEN_REQUEST_URL'])

/** GitHub offers a runner's identity only to a job with this permission. */
function identity(
  environment: EnvironmentVariables,
  neededFor: MissingAccess['neededFor'],
  purpose: string,
): readonly MissingAccess[] {
  if (environment['GITHUB_ACTIONS'] !== 'true') return []
  const message = `This job has no "id-token: write": ${purpose}. Add it to the permissions of the job.`
  return [{ kind: 'permission', name: 'id-token: write', neededFor, message }]
}

const inWorkflow = (name: string, { GITHUB_ACTIONS: actions }: EnvironmentVariables) =>
  actions === 'true' ? ` Pass it to the step: env: { ${name}: \${{ secrets.${name} }} }.` : ' Set the variable.'

/** Whether the device of the training is here, and a GPU if the configuration asks for one. */
export async function missingDevice(
  { training: { device = 'wasm' }, files }: Configuration,
  trainer: Trainer<unknown, unknown>,
  { isBuiltIn, context }: { readonly isBuiltIn: boolean; readonly context: CallContext },
): Promise<MissingAccess | undefined> {
  const lacks = (name: string, message: string): MissingAccess => ({
    ...{ kind: 'device', name, neededFor: 'training', message },
  })
  try {
    const environment = await trainer.environment?.(context)
    // What a program trains on, nobody knows before it runs.
    if (!isBuiltIn || !asksForGpu(files)) return undefined
    const used = deviceOf(environment?.device)
    if (used === undefined || used === 'cuda' || used === 'webgpu') return undefined
    const remedy =
      device === 'auto'
        ? 'For an NVIDIA GPU: npm install @tensorflow/tfjs-node-gpu. For another one: npm install @tensorflow/tfjs-backend-webgpu webgpu. "sheikh doctor" says why a device cannot be used.'
        : 'Set training.device in mlops/training/config.yaml to cuda, webgpu or auto.'
    return lacks('gpu', `stages.train.resources.gpu asks for a GPU, but the training would use "${used}". ${remedy}`)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error, 'missing-peer') && !isSheikhError(error, 'device-unavailable')) throw error
    return lacks(device, error.message)
  }
}

function asksForGpu(files: Configuration['files']): boolean {
  const pipeline = files.find(({ file }) => file === 'mlops/pipeline.yaml')?.value as Nested | undefined
  const gpu = pipeline?.stages?.train?.resources?.gpu
  return Boolean(gpu) && !['0', 'false', 'none', 'no'].includes(String(gpu).toLowerCase())
}

interface Nested {
  readonly stages?: { readonly train?: { readonly resources?: { readonly gpu?: unknown } } }
}

const deviceOf = (device: Json | undefined): unknown =>
  typeof device === 'object' && device !== null && 'device' in device ? device.device : undefined

/** The same trainer, for a plan on a machine without its device: what was trained is then not found by its key. */
export const withoutDevice = (trainer: Trainer<unknown, unknown>): Trainer<unknown, unknown> =>
  new Proxy(trainer, {
    get(target, name) {
      if (name === 'environment') return undefined
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
