// The mails and the split of the quickstart's step (b), one JSON object a line, for programs in other languages.
import { loadMails, picked } from '../../examples/quickstart/mails.js'

for (const { id, text, label, body, category } of loadMails()) {
  const isPinned = picked('evaluation', body, 0.2)
  const part = !isPinned ? 'training' : picked('first-batch', body, 0.6) ? 'evaluation' : 'set-aside'
  process.stdout.write(`${JSON.stringify({ id, text, label, category, part })}\n`)
}
