// The only file that loads the complete tfjs package, for its layers and gradients. The package is optional; hosts with
// models of their own install it.
import { callContext, messageOf, SheikhError } from '../../../core/index.js'
import { type Device, openDevice } from '../devices.js'

// biome-ignore lint/suspicious/noTsIgnore: it is an error only where the package is missing.
/** @ts-ignore If the package is not installed, the type is any. */
export type Tfjs = typeof import('@tensorflow/tfjs')

export type LayersModel = InstanceType<Tfjs['LayersModel']>

export interface Whole {
  readonly tf: Tfjs
  readonly packages: Readonly<Record<string, string>>
  /**
   * The device on which models are built and initial weights are drawn, so that they are the same for all devices and
   * can be read synchronously.
   */
  readonly reference: Device
}

const packageName = '@tensorflow/tfjs'

/**
 * Loads the package, which registers gradients and layers with the engine of the devices.
 *
 * @param load of tests. @default the package
 * @throws `missing-peer`; `device-unavailable` if a second copy of tfjs's core is installed.
 */
export async function loadWholeTfjs(load: () => Promise<unknown> = () => import('@tensorflow/tfjs')): Promise<Whole> {
  const reference = await openDevice('js', callContext())
  const module = await load().catch((error: unknown) => {
    throw new SheikhError(
      'missing-peer',
      `Cannot load "${packageName}" (${messageOf(error).split('\n')[0]}), which models of your own need for layers and gradients. Install it: npm install ${packageName}@${reference.tf.version_core}`,
      { cause: error },
    )
  })
  // It is CommonJS: exports that Node cannot detect are under `default`.
  const tf = ((module as { default?: unknown }).default ?? module) as Tfjs
  if ((tf.Tensor as unknown) !== reference.tf.Tensor)
    throw new SheikhError(
      'device-unavailable',
      `Cannot use "${packageName}": two copies of @tensorflow/tfjs-core are installed. Run "npm ls @tensorflow/tfjs-core" to find them, then: npm dedupe.`,
    )
  return { tf, packages: { [packageName]: tf.version.tfjs }, reference }
}
