// For the command line: the index of this room also loads what most commands do not use.
export { openRepository, type Repository } from '../repository.js'
