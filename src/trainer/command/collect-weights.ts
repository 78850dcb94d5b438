import { extname } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { checkWeights, readWeightsDirectory, type WeightsDirectory } from '../../model/index.js'

/** What `torch.save`, `pickle.dump` and `joblib.dump` are told to write to. Content is looked at too. */
const pickleNames = new Set(['.bin', '.ckpt', '.joblib', '.pickle', '.pkl', '.pt', '.pth'])

/**
 * The weights that a program wrote, checked: plain files and at least one; no pickle by name or content; safetensors sound and finite.
 * Which files there must be is the gate's question: an ONNX model has no `config.json`.
 *
 * @throws `artifact-corrupt`, `train-diverged` for a value that is not finite.
 */
export async function collectWeights(folder: string, context: CallContext): Promise<WeightsDirectory> {
  const weights = await readWeightsDirectory(folder, context)
  const { files } = weights.manifest
  if (files.length === 0)
    throw refused('the program ended well and left "weights" empty. Write them to paths.weights of the request')
  const pickle = files.find(({ path }) => pickleNames.has(extname(path).toLowerCase()))
  if (pickle !== undefined)
    throw refused(
      `${JSON.stringify(pickle.path)} has the name of a pickle, and loading one runs code. Save as safetensors`,
    )
  const problems = (await checkWeights(weights, context)).filter(({ file }) => files.some(({ path }) => path === file))
  const [first] = problems
  if (first === undefined) return weights
  const fact = `${JSON.stringify(first.file)} ${first.problem}`
  if (first.problem.startsWith('holds a value that is not finite'))
    throw new SheikhError('train-diverged', `Training diverged: ${fact}. Try a smaller learning rate.`, {
      facts: { problems },
    })
  throw refused(`${fact}${/pickle|PyTorch/.test(first.problem) ? '. Save as safetensors' : ''}`, { problems })
}

const refused = (fact: string, facts: Readonly<Record<string, unknown>> = {}) =>
  new SheikhError('artifact-corrupt', `Cannot take the weights: ${fact}.`, { facts })
