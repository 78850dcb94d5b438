import { callContext, isSheikhError } from '../core/index.js'
import { type GuardOptions, guard, type Refusal } from './guard.js'
import { html } from './markup.js'
import { layout } from './pages/layout.js'
import { partError } from './read-releases.js'
import { type Content, routes } from './routes.js'
import type { DashboardSource } from './source.js'

/** A Web-standard handler of the dashboard. It answers GET and HEAD, and changes nothing. */
export function dashboardHandler(
  source: DashboardSource,
  options: GuardOptions,
): (request: Request) => Promise<Response> {
  const answers = routes(source, { isLive: true })
  const door = guard(options)
  return async (request) => {
    const url = new URL(request.url)
    const isApi = url.pathname.startsWith('/api/')
    if (request.method !== 'GET' && request.method !== 'HEAD') return refused(wrongMethod, isApi)
    // HEAD, by which a program looks at an address, must not use up a link.
    const cookie = request.method === 'GET' ? door.signIn(url) : undefined
    if (cookie !== undefined) return respond('', 303, { location: '/', 'set-cookie': cookie })
    const refusal = door.check(request)
    if (refusal !== undefined) return refused(refusal, isApi)
    const comparison = comparisonAsked(url)
    if (comparison !== undefined) return respond('', 303, { location: comparison })
    try {
      const content = await answers(decoded(url.pathname), url.searchParams)
      return content === undefined ? failed(source, nothing, isApi) : respond(content.body, 200, typeOf(content))
    } catch (error) {
      const { code, message } = partError(error)
      const status = isSheikhError(error, 'not-found') ? 404 : isSheikhError(error) ? 503 : 500
      return failed(source, { status, code: code ?? 'internal', message }, isApi)
    }
  }
}

/** The form asks `/compare.html?before=…&after=…`; its answer has an address of its own, which a snapshot has too. */
function comparisonAsked({ pathname, searchParams }: URL): string | undefined {
  const [before, after] = [searchParams.get('before'), searchParams.get('after')]
  if (pathname !== '/compare.html' || !before || !after) return undefined
  return `/compare/${encodeURIComponent(before)}/${encodeURIComponent(after)}.html`
}

/** Version build metadata has a `+`. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const wrongMethod: Refusal = {
  status: 405,
  code: 'method-not-allowed',
  message: 'Cannot answer: this server only reads. Use GET or HEAD.',
  headers: { allow: 'GET, HEAD' },
}

const nothing: Refusal = { status: 404, code: 'not-found', message: 'Cannot answer: there is nothing at this path.' }

/** To somebody who may not know the name of the project. */
function refused({ status, code, message, headers }: Refusal, isApi: boolean): Response {
  if (isApi) return respond(errorJson(code, message), status, { ...headers, ...json })
  return respond(`${message}\n`, status, { ...headers, 'content-type': 'text/plain; charset=utf-8' })
}

function failed({ project }: DashboardSource, { status, code, message }: Refusal, isApi: boolean): Response {
  if (isApi) return respond(errorJson(code, message), status, json)
  const title = status === 404 ? 'Not found' : 'Not available'
  const body = html`<h1>${title}</h1><p class="problem">${message}</p>`
  const place = { project, root: '/', isLive: true, nowMs: callContext().clock.nowMs(), hasRun: () => true }
  const page = layout({ title, body }, place)
  return respond(page, status, typeOf({ type: 'text/html', body: page }))
}

const json = { 'content-type': 'application/json; charset=utf-8' }
const errorJson = (code: string, message: string) => `${JSON.stringify({ error: { code, message } })}\n`
const typeOf = ({ type }: Content) => ({ 'content-type': `${type}; charset=utf-8` })

const respond = (body: string, status: number, headers: Readonly<Record<string, string>>): Response =>
  new Response(status === 303 ? null : body, {
    status,
    headers: {
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      ...headers,
    },
  })
