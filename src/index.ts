export { isSheikhError, SheikhError } from './core/index.js'
