export { readTokenizer, type TextTokenizer, tokenizerFiles, tokenizerPackage } from './read-tokenizer.js'
