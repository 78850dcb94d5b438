export { commandTrainer } from './command-trainer.js'
export type { Command, CommandTrainerOptions } from './options.js'
export { type Program, startProgram } from './program.js'
