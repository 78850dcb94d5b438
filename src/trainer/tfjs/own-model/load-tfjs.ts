// The one file that loads the whole of tfjs, for its layers and its gradients. It is optional: a host with models of its own has it.
import { callContext, messageOf, SheikhError } from '../../../core/index.js'
import { type Device, openDevice } from '../devices.js'

// biome-ignore lint/suspicious/noTsIgnore: it is an error only where the package is missing.
/** @ts-ignore Where the package is not installed, it is anything. */
export type Tfjs = typeof import('@tensorflow/tfjs')

export type LayersModel = InstanceType<Tfjs['LayersModel']>

export interface Whole {
  readonly tf: Tfjs
  readonly packages: Readonly<Record<string, string>>
  /** Where models are built and first weights are drawn: alike for all devices, and read on the spot. */
  readonly reference: Device
}

const packageName = '@tensorflow/tfjs'

/**
 * The package registers gradients and layers with the same engine that devices are of.
 *
 * @param load of tests. @default the package
 * @throws `missing-peer`; `device-unavailable` where there is a second copy of tfjs's core.
 */
export async function loadWholeTfjs(load: () => Promise<unknown> = () => import('@tensorflow/tfjs')): Promise<Whole> {
  const reference = await openDevice('js', callContext())
  const module = await load().catch((error: unknown) => {
    throw new SheikhError(
      'missing-peer',
      `Cannot load "${packageName}" (${messageOf(error).split('\n')[0]}), which has the layers and the gradients of a model of your own. Install it: npm install ${packageName}@${reference.tf.version_core}`,
      { cause: error },
    )
  })
  // It is CommonJS: what it exports is under `default` where Node cannot name it.
  const tf = ((module as { default?: unknown }).default ?? module) as Tfjs
  if ((tf.Tensor as unknown) !== reference.tf.Tensor)
    throw new SheikhError(
      'device-unavailable',
      `Cannot use "${packageName}": there are two copies of @tensorflow/tfjs-core. See "npm ls @tensorflow/tfjs-core", then: npm dedupe.`,
    )
  return { tf, packages: { [packageName]: tf.version.tfjs }, reference }
}
