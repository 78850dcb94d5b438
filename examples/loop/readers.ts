import { type Mail, picked } from '../quickstart/mails.js'

interface Answer {
  readonly id: string
  readonly predictions: readonly { readonly label: string }[]
}

/** The one who corrects what is right. */
const careless = 'reader-0'

/** People who get mails labelled by a server, and tell it what they think of the labels. */
export class Readers {
  /** The header in which a reader signs in, if this were a server with accounts. */
  readonly nameIn = ({ header }: { header: (name: string) => string | undefined }) => header('x-reader')

  /** Every mail has a reader: a thumb for a right label, a correction for a wrong one. The careless reader corrects at random. */
  async read(mails: readonly Mail[], url: string) {
    const counts = { thumbs: 0, corrections: 0, wrong: 0, refused: 0 }
    // One by one: the first feedback of a source counts.
    await this.#each(mails, 1, async (mail) => {
      const reader = picked('careless', mail.id, 0.05) ? careless : readerOf(mail)
      const { id, label } = await this.#ask(mail, reader, url)
      if (reader === careless) {
        const correction = mail.label === 'spam' ? 'ham' : 'spam'
        const accepted = await this.#say({ prediction: id, correction }, reader, url)
        counts[accepted === undefined ? 'refused' : 'wrong'] += 1
      } else if (label === mail.label) {
        await this.#say({ prediction: id, thumb: 'up' }, reader, url)
        counts.thumbs += 1
      } else {
        await this.#say({ prediction: id, correction: mail.label }, reader, url)
        counts.corrections += 1
      }
    })
    return counts
  }

  /** Every mail has a reader of its own, who gives a thumb up or down. */
  async judge(mails: readonly Mail[], url: string): Promise<void> {
    await this.#each(mails, 10, async (mail) => {
      const { id, label } = await this.#ask(mail, mail.id, url)
      await this.#say({ prediction: id, thumb: label === mail.label ? 'up' : 'down' }, mail.id, url)
    })
  }

  async #ask({ text }: Mail, reader: string, url: string) {
    const { id, predictions } = (await this.#post(`${url}/v1/predict`, { inputs: [text] }, reader)) as Answer
    return { id, label: predictions[0]!.label }
  }

  #say(feedback: object, reader: string, url: string): Promise<unknown> {
    return this.#post(`${url}/v1/feedback`, feedback, reader)
  }

  /** @param atOnce how many are read at the same time. */
  async #each(mails: readonly Mail[], atOnce: number, act: (mail: Mail) => Promise<void>): Promise<void> {
    const queue = mails[Symbol.iterator]()
    const one = async () => {
      for (const mail of queue) await act(mail)
    }
    await Promise.all(Array.from({ length: atOnce }, one))
  }

  async #post(url: string, body: object, reader: string): Promise<unknown> {
    const headers = { 'content-type': 'application/json', 'x-reader': reader, 'sheikh-unit': reader }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    // The limit of a source.
    if (response.status === 429) return undefined
    if (!response.ok) throw new Error(`The server answered ${response.status}: ${await response.text()}`)
    return response.json()
  }
}

/** One of 59. */
const readerOf = ({ id }: Mail) => {
  for (let index = 1; index < 59; index += 1)
    if (picked(`reader-${index}`, id, 1 / (60 - index))) return `reader-${index}`
  return 'reader-59'
}
