import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChatMessage } from '../model/index.js'
import { defaultRenderLimits } from './render-limits.js'
import { templateInvalid } from './template-error.js'

/** Renders a conversation, with the beginning of the next answer, as a prompt. @throws `template-invalid`. */
export type ChatTemplate = (messages: readonly ChatMessage[]) => Promise<string>

/** The file of newer versions of transformers. Older ones have the template in `tokenizer_config.json`. */
export const chatTemplateFile = 'chat_template.jinja'

type Settings = Readonly<Record<string, unknown>>

/**
 * Reads the chat template of a folder in the layout of Hugging Face. It renders the same text as
 * `apply_chat_template(…, add_generation_prompt=True)` of transformers. Returns none if the folder has no chat template.
 *
 * @throws `template-invalid` if a file cannot be read. A template with an error is reported when it renders.
 */
export async function readChatTemplate(directory: string): Promise<ChatTemplate | undefined> {
  const config = await readSettings(directory, 'tokenizer_config.json')
  const own = await read(directory, chatTemplateFile)
  const text = own ?? templateOf(config)
  if (text === undefined) return undefined
  const file = own === undefined ? 'tokenizer_config.json' : chatTemplateFile
  const tokens = specialTokens({ ...(await readSettings(directory, 'special_tokens_map.json')), ...config })
  return async (messages) => {
    // Loaded here, because most programs that import the package use no template.
    const { compile, JinjaError } = await import('./jinja/index.js')
    try {
      const given = { ...tokens, messages, tools: null, documents: null, add_generation_prompt: true }
      return compile(text, { trimBlocks: true, lstripBlocks: true }).render(given, defaultRenderLimits).text
    } catch (error) {
      if (!(error instanceof JinjaError)) throw error
      const remedy = 'Change the messages, or correct the chat template of the release.'
      throw templateInvalid(file, error.position, `the chat cannot be rendered: ${error.message}`, remedy, {
        cause: error,
      })
    }
  }
}

/** The template of this name, or the only one. */
function templateOf({ chat_template: found }: Settings): string | undefined {
  if (typeof found === 'string') return found
  const named = Array.isArray(found) ? (found as readonly Settings[]).find(({ name }) => name === 'default') : undefined
  return typeof named?.['template'] === 'string' ? named['template'] : undefined
}

/** `bos_token` and the like: texts, or objects with their content. */
function specialTokens(settings: Settings): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => {
      if (!/^[a-z]+_token$/.test(name)) return []
      const text = typeof value === 'object' && value !== null ? (value as Settings)['content'] : value
      return typeof text === 'string' ? [[name, text]] : []
    }),
  )
}

async function readSettings(directory: string, name: string): Promise<Settings> {
  const text = await read(directory, name)
  try {
    return text === undefined ? {} : (JSON.parse(text) as Settings)
  } catch (error) {
    throw templateInvalid(name, undefined, 'it is not JSON', 'Correct the file.', { cause: error })
  }
}

async function read(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw templateInvalid(name, undefined, 'it cannot be read', 'Check the file.', { cause: error })
  }
}
