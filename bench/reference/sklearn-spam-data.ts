// Writes the mails of the quickstart as JSON Lines, with the part that each plays, for sklearn-spam.py.
// npx tsx --conditions=sheikh-source bench/reference/sklearn-spam-data.ts <file>
import { writeFileSync } from 'node:fs'
import { loadMails, picked } from '../../examples/quickstart/mails.js'

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('Name the file to write to.')
const mails = loadMails()
const inFirst = (body: string) => picked('first-batch', body, 0.6)
const inPinned = (body: string) => inFirst(body) && picked('evaluation', body, 0.2)
const lines = mails.map(({ id, text, label, body, category }) =>
  JSON.stringify({
    id,
    text,
    label,
    group: body,
    category,
    // At (a) the first batch is there; at (b) all mails are.
    part: inPinned(body) ? 'pinned' : inFirst(body) ? 'first' : 'rest',
    poisoned: label === 'spam' && !inPinned(body) && picked('poison', id, 1 / 3),
  }),
)
writeFileSync(path, `${lines.join('\n')}\n`)
