import { type HubResponse, json, refuse } from './answer.js'
import type { Exchange, RepositoryExchange } from './exchange.js'
import type { Ticket } from './tickets.js'

/** Where the chunks of large files are stored, which is another host at the Hub. */
export const casUrl = ({ world }: Pick<Exchange, 'world'>): string => `${world.storageUrl}/cas`

function grant(exchange: RepositoryExchange, may: Ticket['may']) {
  const { kind, name } = exchange.repository
  const { tickets } = exchange.world
  return {
    accessToken: tickets.sign({ kind, name, may }),
    casUrl: casUrl(exchange),
    exp: Math.floor(tickets.expiresAtMs() / 1000),
  }
}

const headersOf = ({ accessToken, casUrl, exp }: ReturnType<typeof grant>) => ({
  'X-Xet-Cas-Url': casUrl,
  'X-Xet-Access-Token': accessToken,
  'X-Xet-Token-Expiration': `${exp}`,
})

/** Said twice, since the clients in JavaScript and in Python read it in different places. */
export function xetToken(exchange: RepositoryExchange, may: Ticket['may']): HubResponse {
  const token = grant(exchange, may)
  return json(200, token, headersOf(token))
}

export const xetUpload = (exchange: RepositoryExchange) => {
  const { kind, name } = exchange.repository
  return {
    href: `${exchange.world.url}/api/${kind}/${name}/xet-write-token/main`,
    header: headersOf(grant(exchange, 'write')),
  }
}

/** @throws what says so to the client. */
export function xetTicket({ headers, world }: Exchange, may: Ticket['may']): Ticket {
  const [, token] = /^bearer (.+)$/i.exec(headers.authorization ?? '') ?? []
  const ticket = world.tickets.open(token ?? '')
  if (ticket === undefined || ticket.oid !== undefined) throw refuse(401, 'Invalid xet token')
  if (may === 'write' && ticket.may !== 'write') throw refuse(403, 'This xet token may only read')
  return ticket
}
