import { checkWeights } from '../../model/index.js'
import type { Check } from '../gate.js'

/**
 * Whether the weights are whole and load without running code. Every file has the content that its digest says, and none contains a
 * Python pickle or a Keras Lambda layer. At least one file holds weights in a format that can be checked, recognised by content:
 * safetensors (every value is finite, and a `config.json` is beside it), ONNX, GGUF, NumPy, HDF5 or JSON.
 *
 * A failure cannot be overridden. For another format, replace this check with one of your own.
 */
export function weightIntegrity(): Check {
  const name = 'weight-integrity'
  return {
    contract: 1,
    name,
    version: '1',
    metrics: [],
    describe: () => null,
    async examine({ candidate: { weights } }, context) {
      const problems = await checkWeights(weights, context)
      const { length: files } = weights.manifest.files
      if (problems.length === 0)
        return [
          {
            check: name,
            status: 'pass',
            critical: true,
            reason: `all ${files} files of the weights are whole, and none runs code`,
          },
        ]
      const shown = problems.slice(0, 3).map(({ file, problem }) => `"${file}": ${problem}`)
      return [
        {
          check: name,
          status: 'fail',
          critical: true,
          overridable: false,
          reason: `${shown.join('; ')}${problems.length > 3 ? `; and ${problems.length - 3} more` : ''}`,
        },
      ]
    },
  }
}
