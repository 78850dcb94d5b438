import { join } from 'node:path'
import { type CallContext, SheikhError } from '../core/index.js'
import { type LargeFileAccess, openWholeFolder, type QualityOptions, type TokenCounter } from '../dataset/index.js'
import { hasTokenizer, tokenCounter, tokenCounterFiles } from '../prompts/index.js'
import type { Configuration } from './config/index.js'
import { inside } from './inside.js'
import { promptsPath, trainingFile } from './layout.js'

interface CountedQuality {
  readonly quality: QualityOptions
  /** Why no tokens are counted, for a person. Absent if they are, or if nobody expects them to be. */
  readonly uncounted?: string | undefined
}

/**
 * What a check of data looks for, with the tokenizer that counts tokens: that of the settings, or of the base model. The
 * default limit is what the built-in language model can train on.
 *
 * @throws `invalid-config` if a tokenizer or a limit is set, and there is no tokenizer.
 */
export async function withTokenCounter(
  root: string,
  { dataset, training }: Configuration,
  access: LargeFileAccess,
  context: CallContext,
): Promise<CountedQuality> {
  const { quality, tokenizer } = dataset
  const { tokenLimit = {} } = quality
  const setting = typeof tokenLimit === 'string' ? { action: tokenLimit } : tokenLimit
  if (setting.action === 'off') return { quality }
  const { base, maximumLength } = training.llama ?? {}
  const path = tokenizer ?? base
  const folder = path === undefined ? undefined : inside(root, path, tokenizer === undefined ? trainingFile : undefined)
  if (path === undefined || folder === undefined || !hasTokenizer(folder)) {
    const fact =
      path === undefined
        ? 'the project has no tokenizer'
        : `"${path}" does not contain tokenizer.json and tokenizer_config.json`
    const remedy = 'Set quality.token_limit.tokenizer in dataset/config.yaml to a folder that contains a tokenizer.'
    if (tokenizer !== undefined || setting.maximumTokens !== undefined)
      throw new SheikhError('invalid-config', `Cannot count tokens: ${fact}. ${remedy}`, {
        facts: { file: 'dataset/config.yaml' },
      })
    const isExpected = training.llama !== undefined || dataset.projection.input.startsWith(`${promptsPath}/`)
    return { quality, ...(isExpected && { uncounted: `Tokens were not counted: ${fact}. ${remedy}` }) }
  }
  // The last token of an answer is predicted and never read.
  const fits = async () => (await readMaximumLength(root, base!, maximumLength, access, context)) + 1
  const maximumTokens = setting.maximumTokens ?? (base === undefined ? undefined : await fits())
  const counter = wholeCounter(folder, path, access)
  return { quality: { ...quality, tokenLimit: { ...setting, maximumTokens, counter } } }
}

/** A `tokenCounter` that fetches the files that it reads. */
function wholeCounter(folder: string, name: string, access: LargeFileAccess): TokenCounter {
  const opened = (context: CallContext) =>
    openWholeFolder(folder, { ...access, name, only: tokenCounterFiles }, context)
  return {
    name,
    async digest(context) {
      await using whole = await opened(context)
      return tokenCounter(whole.directory, name).digest(context)
    },
    async open(context) {
      await using whole = await opened(context)
      return await tokenCounter(whole.directory, name).open(context)
    },
  }
}

async function readMaximumLength(
  root: string,
  base: string,
  maximumLength: number | undefined,
  access: LargeFileAccess,
  context: CallContext,
): Promise<number> {
  context.signal.throwIfAborted()
  const { llamaMaximumLength } = await import('../trainer/tfjs/index.js')
  const only = ['config.json']
  await using whole = await openWholeFolder(join(root, base), { ...access, name: base, only }, context)
  return await llamaMaximumLength(whole.directory, maximumLength)
}
