export { type ChatTemplate, chatTemplateFile, readChatTemplate } from './chat-template.js'
export { type ChosenPrompt, choosePrompts, keepBest, type PromptChoice, rankOfId } from './choose-prompts.js'
export { loadPrompts, loadTemplate } from './load-prompts.js'
export { prompt } from './prompt.js'
export {
  type PromptSnapshot,
  type PromptTexts,
  promptSnapshotOf,
  promptStageName,
  type SnapshotSample,
  toPromptTexts,
} from './prompt-snapshot.js'
export { type RenderLimits, renderLimits } from './render-limits.js'
export { checkVariables, parseTemplate, renderPrompt, type Template } from './template.js'
export { hasTokenizer, tokenCounter, tokenCounterFiles } from './token-counter.js'
