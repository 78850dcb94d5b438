import type { CallContext, Json } from '../core/index.js'
import { isSheikhError, messageOf } from '../core/index.js'
import { compileJsonSchema, type JsonSchema } from '../dataset/index.js'
import { Fault } from './fault.js'
import { inputList, type Schema } from './operation.js'
import type { Limits } from './options.js'

/** Turns the inputs of a request into what the model takes. @throws `Fault`. */
export type CheckInputs<I> = (inputs: readonly Json[]) => Promise<readonly I[]>

export async function inputCheck<I>(
  inputSchema: JsonSchema,
  prepare: ((values: readonly Json[]) => Promise<readonly I[]>) | undefined,
  limits: Limits,
  context: CallContext,
): Promise<CheckInputs<I>> {
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: { inputs: inputList(inputSchema as Schema, limits) },
  }
  const check = await compileJsonSchema('of the inputs', document, context)
  return async (inputs) => {
    // Counted first, because the schema reports every item that does not fit.
    if (!Array.isArray(inputs)) throw invalid('"inputs" is not a list')
    if (inputs.length === 0) throw invalid('there is no input')
    if (inputs.length > limits.maximumInputs)
      throw invalid(`there are ${inputs.length} inputs, but the maximum is ${limits.maximumInputs}`)
    const checked = check({ inputs })
    if ('problems' in checked) throw invalid(checked.problems.join('; ').slice(0, 1000))
    try {
      return prepare === undefined ? (inputs as readonly I[]) : await prepare(inputs)
    } catch (error) {
      if (isSheikhError(error, 'dataset-invalid') || isSheikhError(error, 'template-invalid'))
        throw new Fault('invalid-input', messageOf(error))
      throw error
    }
  }
}

const invalid = (fact: string) =>
  new Fault('invalid-input', `Cannot predict: ${fact}. The schema of requests is in /openapi.json.`)
