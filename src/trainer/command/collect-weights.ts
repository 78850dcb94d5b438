import { extname } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { checkWeights, readWeightsDirectory, type WeightsDirectory } from '../../model/index.js'

/** Common file extensions of `torch.save`, `pickle.dump` and `joblib.dump`. The content is checked as well. */
const pickleNames = new Set(['.bin', '.ckpt', '.joblib', '.pickle', '.pkl', '.pt', '.pth'])

/**
 * Checks the weights that a program wrote: at least one file, only plain files, no pickle by name or content,
 * safetensors valid and finite. The gate checks which files are required, because an ONNX model has no `config.json`.
 *
 * @throws `artifact-corrupt`, `train-diverged` for a value that is not finite.
 */
export async function collectWeights(folder: string, context: CallContext): Promise<WeightsDirectory> {
  const weights = await readWeightsDirectory(folder, context)
  const { files } = weights.manifest
  if (files.length === 0)
    throw refused('the program succeeded but wrote no weights. Write them to paths.weights of the request')
  const pickle = files.find(({ path }) => pickleNames.has(extname(path).toLowerCase()))
  if (pickle !== undefined)
    throw refused(
      `${JSON.stringify(pickle.path)} has the extension of a pickle, and loading a pickle runs code. Save the weights as safetensors`,
    )
  const problems = (await checkWeights(weights, context)).filter(({ file }) => files.some(({ path }) => path === file))
  const [first] = problems
  if (first === undefined) return weights
  const fact = `${JSON.stringify(first.file)} ${first.problem}`
  if (first.problem.startsWith('contains a value that is not finite'))
    throw new SheikhError('train-diverged', `Training diverged: ${fact}. Try a smaller learning rate.`, {
      facts: { problems },
    })
  throw refused(`${fact}${/pickle|PyTorch/.test(first.problem) ? '. Save as safetensors' : ''}`, { problems })
}

const refused = (fact: string, facts: Readonly<Record<string, unknown>> = {}) =>
  new SheikhError('artifact-corrupt', `Cannot use the weights: ${fact}.`, { facts })
