import { checkWeights } from '../../model/index.js'
import type { Check } from '../gate.js'

/** Whether the weights are whole: every file as its digest says, sound safetensors, finite values, no pickle. */
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
            reason: `all ${files} files of the weights are whole, and every value is finite`,
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
