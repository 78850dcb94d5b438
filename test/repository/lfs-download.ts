// A process that downloads a file of Git LFS: folder of the clone, the file as JSON.
import { callContext } from '../../src/core/index.js'
import { gitLfs } from '../../src/repository/lfs/index.js'

const [directory, file] = process.argv.slice(2)
await gitLfs({ directory: directory! })(JSON.parse(file!), callContext())
