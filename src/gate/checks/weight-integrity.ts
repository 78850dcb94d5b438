import { checkWeights, weightsFormats } from '../../model/index.js'
import type { Check } from '../gate.js'

/**
 * Checks that the weights are complete and load without running code. Every file must match its digest, and none may
 * contain a Python pickle or a Keras Lambda layer. At least one file must contain weights in a format that can be
 * checked, recognised by content: safetensors (every value must be finite, with a `config.json` next to it), ONNX,
 * GGUF, NumPy, HDF5 or JSON.
 *
 * A failure cannot be overridden. For another format, replace this check with one of your own.
 */
export function weightIntegrity(): Check {
  const name = 'weight-integrity'
  return {
    contract: 1,
    name,
    // Version 2: every file is checked by its content, and formats other than safetensors are accepted.
    version: '2',
    metrics: [],
    describe: () => null,
    foresee({ trainer, weightsFormat, last }) {
      const refusal = {
        ...({ kind: 'statement', check: name, status: 'fail' } as const),
        ...{ critical: true, overridable: false, repeats: true },
      }
      const remedy = `Write weights as ${weightsFormats.join(', ')}, or replace this check with your own before you train`
      if (
        weightsFormat !== undefined &&
        !weightsFormats.some((one) => one.toLowerCase() === weightsFormat.toLowerCase())
      )
        return [{ ...refusal, reason: `the trainer "${trainer}" writes weights as "${weightsFormat}". ${remedy}` }]
      const refused = last?.findings.find(
        ({ check, status, repeats }) => check === name && status === 'fail' && repeats,
      )
      if (refused === undefined) return []
      return [
        {
          ...refusal,
          reason: `the last candidate of the trainer "${trainer}" (run ${last!.runId}) was refused because of its format: ${refused.reason}. ${remedy}`,
        },
      ]
    },
    async examine({ candidate: { weights } }, context) {
      const problems = await checkWeights(weights, context)
      const { length: files } = weights.manifest.files
      if (problems.length === 0)
        return [
          {
            kind: 'statement',
            check: name,
            status: 'pass',
            critical: true,
            reason: `all ${files} weight files are complete, and none can run code`,
          },
        ]
      const shown = problems.slice(0, 3).map(({ file, problem }) => `"${file}": ${problem}`)
      return [
        {
          kind: 'statement',
          check: name,
          status: 'fail',
          critical: true,
          overridable: false,
          ...(problems.every(({ unsafe, format }) => unsafe || format) && { repeats: true }),
          reason: `${shown.join('; ')}${problems.length > 3 ? `; and ${problems.length - 3} more` : ''}`,
        },
      ]
    },
  }
}
