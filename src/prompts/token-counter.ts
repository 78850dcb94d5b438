import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestBytes, digestJson, isSheikhError, SheikhError } from '../core/index.js'
import type { RowTokenCounter, TokenCounter } from '../dataset/index.js'
import { type ChatMessage, readTokenizer, type TextTokenizer, tokenizerFiles } from '../model/index.js'
import { readTextFile } from '../store/index.js'
import { chatTemplateFile, readChatTemplate } from './chat-template.js'

/** Raise this when the same files lead to other counts. */
const countingVersion = 1
const configFile = 'config.json'
/** The files that `tokenCounter` reads. */
export const tokenCounterFiles: readonly string[] = [...tokenizerFiles, chatTemplateFile, configFile]
/** Any other name may be text of a sample. */
const knownRoles: ReadonlySet<string> = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function'])

/**
 * Counts tokens with the tokenizer of a folder in the layout of Hugging Face: `tokenizer.json`, `tokenizer_config.json`, and,
 * if they exist, `special_tokens_map.json`, `chat_template.jinja` and `config.json`.
 *
 * A prompt counts with the tokens that begin a text, and an answer with the token that ends it (`eos_token_id` of
 * `config.json`), as `llamaTrainer` trains on both. Names of special tokens in a text count as these tokens, as they do
 * in training. A conversation (a list of messages with `role` and `content`) counts as the chat template of the model writes it.
 *
 * The counter throws `artifact-corrupt` if the tokenizer cannot be read, or has settings by which its tokens would differ
 * from those in Python.
 *
 * @param directory is read when something is counted. @param name names the tokenizer in reports. @default the directory
 */
export function tokenCounter(directory: string, name: string = directory): TokenCounter {
  const fail = (fact: string, cause?: unknown): SheikhError =>
    isSheikhError(cause)
      ? cause
      : new SheikhError(
          'artifact-corrupt',
          `Cannot count tokens with ${JSON.stringify(name)}: ${fact}. Give the folder of another tokenizer.`,
          { facts: { directory: name }, cause },
        )
  return {
    name,
    async digest({ signal }) {
      signal.throwIfAborted()
      const files: [name: string, digest: Digest][] = []
      for (const file of tokenCounterFiles) {
        const content = await readTextFile(join(directory, file))
        if (content !== undefined) files.push([file, digestBytes(content)])
      }
      return digestJson({ version: countingVersion, files })
    },
    async open({ signal }) {
      signal.throwIfAborted()
      const tokenizer = await readTokenizer(directory, fail, 'no tokens were counted')
      const chat = await readChatTemplate(directory)
      return rowCounter(tokenizer, { endTokens: await readEndTokens(directory, fail), chat, fail })
    },
  }
}

/** Whether a folder has the files that `tokenCounter` needs. */
export const hasTokenizer = (directory: string): boolean =>
  tokenizerFiles.slice(0, 2).every((file) => existsSync(join(directory, file)))

function rowCounter(
  tokenizer: TextTokenizer,
  {
    endTokens,
    chat,
    fail,
  }: {
    readonly endTokens: readonly number[]
    readonly chat: Awaited<ReturnType<typeof readChatTemplate>>
    readonly fail: (fact: string) => Error
  },
): RowTokenCounter {
  const encode = (text: string, special: boolean) => {
    const ids = tokenizer.encode(text, special)
    if (ids.includes(undefined)) throw fail('it has no token for a part of a text, and no token for unknown parts')
    return ids
  }
  const countPrompt = (text: string) => {
    const ids = encode(text, true)
    let { length } = ids
    while (length > 1 && endTokens.includes(ids[length - 1]!)) length -= 1
    return length
  }
  return {
    async count(input, target) {
      const answer =
        typeof target === 'string' ? encode(target, false).length + Math.min(1, endTokens.length) : undefined
      if (typeof input === 'string') return { prompt: countPrompt(input), answer }
      if (chat === undefined || !isConversation(input)) return undefined
      const roles = input.map(({ role, content }) => ({
        role: knownRoles.has(role) ? role : 'other',
        tokens: encode(content, false).length,
      }))
      return { prompt: encode(await chat(input), false).length, answer, roles }
    },
  }
}

function isConversation(input: unknown): input is readonly ChatMessage[] {
  return (
    Array.isArray(input) &&
    input.length > 0 &&
    (input as readonly Partial<ChatMessage>[]).every(
      (message) => typeof message?.role === 'string' && typeof message.content === 'string',
    )
  )
}

/** The tokens that end an answer; none without `config.json`. */
async function readEndTokens(
  directory: string,
  fail: (fact: string, cause?: unknown) => Error,
): Promise<readonly number[]> {
  const text = await readTextFile(join(directory, configFile))
  if (text === undefined) return []
  try {
    const { eos_token_id: end } = JSON.parse(text) as { readonly eos_token_id?: unknown }
    return [end].flat().filter((id): id is number => typeof id === 'number')
  } catch (error) {
    throw fail(`its ${configFile} is not JSON`, error)
  }
}
