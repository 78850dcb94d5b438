import type { CallContext, Json } from '../core/index.js'
import { isSheikhError, messageOf } from '../core/index.js'
import { compileJsonSchema, type JsonSchema } from '../dataset/index.js'
import { Fault } from './fault.js'
import type { Limits, PrepareContext, ReleaseSettings } from './options.js'

/** Turns the inputs of a request into what the model takes. @throws `Fault`. */
export type CheckInputs<I> = (inputs: readonly Json[]) => Promise<readonly I[]>

export async function inputCheck<I>(
  inputSchema: JsonSchema,
  { prepare, ...prepareContext }: Pick<ReleaseSettings<I>, 'prepare'> & PrepareContext,
  limits: Limits,
  context: CallContext,
): Promise<CheckInputs<I>> {
  // A document of its own, because the schema may refer to its parts.
  const document = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...inputSchema }
  const check = await compileJsonSchema('of the inputs', document, context)
  return async (inputs) => {
    // Counted first, because the schema reports every item that does not fit.
    if (!Array.isArray(inputs)) throw invalid('"inputs" is not a list')
    if (inputs.length === 0) throw invalid('there is no input')
    if (inputs.length > limits.maximumInputs)
      throw invalid(`there are ${inputs.length} inputs, but the maximum is ${limits.maximumInputs}`)
    const problems = inputs.flatMap((input, index) => {
      const checked = check(input)
      if (!('problems' in checked)) return []
      return checked.problems.map((problem) => `/inputs/${index}${problem.startsWith('/') ? '' : ' '}${problem}`)
    })
    if (problems.length > 0) throw invalid(problems.join('; ').slice(0, 1000))
    try {
      return prepare === undefined ? (inputs as readonly I[]) : await prepare(inputs, prepareContext)
    } catch (error) {
      if (isSheikhError(error, 'dataset-invalid') || isSheikhError(error, 'template-invalid'))
        throw new Fault('invalid-input', messageOf(error))
      throw error
    }
  }
}

const invalid = (fact: string) =>
  new Fault('invalid-input', `Cannot predict: ${fact}. The schema of requests is in /openapi.json.`)
