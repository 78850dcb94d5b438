export { loadPrompts, type PromptFile, type Prompts, promptFolders } from './load-prompts.js'
export { prompt } from './prompt.js'
export { checkVariables, parseTemplate, renderPrompt, type Template } from './template.js'
