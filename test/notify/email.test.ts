import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { emailNotifierWith } from '../../src/notify/email.js'
import { emailNotifier } from '../../src/notify.js'
import { notification } from './harness.js'

type ServerOptions = NonNullable<ConstructorParameters<typeof SMTPServer>[0]>

interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
}

/** A real SMTP server on this machine. */
async function startSmtp(options: ServerOptions = {}, host = '127.0.0.1') {
  const mails: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    closeTimeout: 100,
    // Its certificate would be one that everybody knows.
    disabledCommands: ['STARTTLS'],
    onData(stream, session, callback) {
      void text(stream).then((content) => {
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: content,
        })
        callback()
      })
    },
    ...options,
  })
  // A client that leaves is no fault of a test.
  server.on('error', () => {})
  server.listen(0, host)
  await once(server.server, 'listening')
  onTestFinished(() => new Promise<void>((done) => server.close(() => done())))
  return { mails, address: `${host}:${(server.server.address() as AddressInfo).port}` }
}

const options = (address: string) => ({
  recipients: ['ada@example.org', 'ben@example.org'],
  from: 'Sheikh <sheikh@example.org>',
  smtp: `smtp://${address}`,
})
const context = () => callContext()
const failing = (code: number, message: string) => Object.assign(new Error(message), { responseCode: code })

describe('emailNotifier', () => {
  it('sends text and HTML to every recipient', async () => {
    const { mails, address } = await startSmtp()
    const hostile = { ...notification, project: 'spam\r\nBcc: evil@example.org', summary: '<script>alert(1)</script>' }
    expect(await emailNotifier(options(address)).notify(hostile, context())).toMatch(/^250/)
    expect(mails).toHaveLength(1)
    const [mail] = mails
    expect(mail).toMatchObject({ from: 'sheikh@example.org', to: ['ada@example.org', 'ben@example.org'] })
    expect(mail!.text).toMatch(/^Subject: \[spam Bcc: evil@example\.org\] Approval needed\r$/m)
    expect(mail!.text).not.toMatch(/^Bcc:/m)
    expect(mail!.text).toContain(`Message-ID: <${notification.id}@sheikh-freemium>`)
    expect(mail!.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(mail!.text.split('text/html')[1]).not.toContain('<script>')
  })

  it('signs in, and a wrong password is not retried and not repeated', async () => {
    const attempts: unknown[] = []
    const { mails, address } = await startSmtp({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth({ username, password }, _, callback) {
        attempts.push(username)
        callback(password === 'p@ss word' ? null : failing(535, `${password} is wrong`), { user: username })
      },
    })
    const smtp = (password: string) => `smtp://ada:${encodeURIComponent(password)}@${address}`
    await emailNotifier({ ...options(address), smtp: smtp('p@ss word') }).notify(notification, context())
    expect(mails).toHaveLength(1)
    const wrong = emailNotifier({ ...options(address), smtp: smtp('hunter22') }).notify(notification, context())
    const error = await wrong.catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ code: 'remote-failed', message: /535/ })
    expect((error as Error).message).not.toContain('hunter22')
    expect(attempts).toHaveLength(2)
  })

  it('retries a temporary refusal, and no permanent one', async () => {
    const asked: string[] = []
    const { mails, address } = await startSmtp({
      onRcptTo({ address }, _, callback) {
        asked.push(address)
        const count = asked.filter((one) => one === address).length
        if (address.startsWith('nobody')) callback(failing(550, 'no such user'))
        else callback(count === 1 ? failing(451, 'greylisted') : null)
      },
    })
    await emailNotifier({ ...options(address), recipients: ['ada@example.org'] }).notify(notification, context())
    expect(mails).toHaveLength(1)
    expect(asked).toHaveLength(2)
    const nobody = emailNotifier({ ...options(address), recipients: ['nobody@example.org'] })
    await expect(nobody.notify(notification, context())).rejects.toMatchObject({ message: /no such user/ })
    expect(asked).toHaveLength(3)
  })

  it('says that some recipients were rejected', async () => {
    const { mails, address } = await startSmtp({
      onRcptTo: ({ address }, _, callback) => callback(address.startsWith('ben') ? failing(550, 'unknown') : null),
    })
    await expect(emailNotifier(options(address)).notify(notification, context())).rejects.toMatchObject({
      message: /1 of 2 recipients/,
    })
    expect(mails[0]?.to).toEqual(['ada@example.org'])
  })

  it('sends nothing over a line that another machine could read', async () => {
    // Also this machine, by an address that is not known as such.
    const { mails, address } = await startSmtp({}, '127.0.0.2')
    await expect(emailNotifier(options(address)).notify(notification, context())).rejects.toMatchObject({
      code: 'remote-failed',
      message: /STARTTLS|TLS/,
    })
    expect(mails).toEqual([])
  })

  it('stops when it is aborted', async () => {
    const controller = new AbortController()
    const { address } = await startSmtp({ onConnect: () => controller.abort(new Error('enough')) })
    const sending = emailNotifier(options(address)).notify(notification, callContext({ signal: controller.signal }))
    await expect(sending).rejects.toThrow('enough')
  })

  it('names the package that is missing', async () => {
    const notifier = emailNotifierWith(
      () => import('nodemailer-that-is-not-installed' as string),
      options('127.0.0.1:1'),
    )
    await expect(notifier.notify(notification, context())).rejects.toMatchObject({
      code: 'missing-peer',
      message: expect.stringContaining('npm install nodemailer@10'),
    })
  })

  it.each([
    ['https://smtp.example.com', 'does not begin with smtps://'],
    ['smtp.example.com:25', 'does not begin with smtps://'],
    ['smtps://ada:100%@smtp.example.com', '"%"'],
  ])('refuses the server %s', (smtp, fact) => {
    expect(() => emailNotifier({ ...options(''), smtp })).toThrow(
      expect.objectContaining({ code: 'invalid-options', message: expect.stringContaining(fact) }),
    )
  })

  it('needs a recipient and a sender', () => {
    expect(() => emailNotifier({ ...options('localhost'), recipients: [] })).toThrow('no recipient')
    expect(() => emailNotifier({ ...options('localhost'), from: '' })).toThrow('no sender')
  })
})
