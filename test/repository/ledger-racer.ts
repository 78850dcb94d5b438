// A process of its own that appends: folder, name, how often.
import { callContext } from '../../src/core/index.js'
import { gitBranchLedger, openGit } from '../../src/repository/git/index.js'

const [root, name, count] = process.argv.slice(2)
const context = callContext()
const ledger = gitBranchLedger(await openGit(root!, context))
for (let index = 0; index < Number(count); index += 1)
  await ledger.append({ type: 'approval', runId: `${name}-${index}`, by: name!, reason: 'race' }, context)
