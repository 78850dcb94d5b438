export { type ChatTemplate, chatTemplateFile, readChatTemplate } from './chat-template.js'
export { loadPrompts, loadTemplate } from './load-prompts.js'
export { prompt } from './prompt.js'
export { checkVariables, parseTemplate, renderPrompt } from './template.js'
