import type { Json, JsonObject } from '../core/index.js'
import type { ChatMessage, GenerateOptions, Prediction, TextPart } from '../model/index.js'
import type { Release } from '../releaser/index.js'
import type { Fault } from './fault.js'
import type { Operation, Schema } from './operation.js'
import type { Limits } from './options.js'
import type { RequestEvent } from './telemetry.js'
import type { WebhookCheck } from './webhook-check.js'

/** What protocols know about the server. */
export interface Served {
  readonly name: string
  readonly basePath: string
  readonly needsToken: boolean
  readonly release: Release
  readonly labels: readonly string[] | undefined
  /** The kind of the model's predictions. Absent until the first prediction. */
  readonly kind: () => Prediction['kind'] | undefined
  readonly inputSchema: Schema
  /** Schemas that `inputSchema` refers to, by name. */
  readonly components: JsonObject
  readonly limits: Limits
  /** When the release was loaded, in milliseconds since 1970. */
  readonly loadedAtMs: number
  readonly nowMs: () => number
  readonly isReady: () => boolean
  /** Whether requests may set how a text is generated. */
  readonly canGenerate: boolean
  /** Whether the release has a chat template. */
  readonly canChat: boolean
  /** @throws `Fault`. */
  readonly predict: (inputs: readonly Json[], call: Call) => Promise<readonly Prediction[]>
  /** Generates one text: in parts if the model can, otherwise in one. @throws `Fault`. */
  readonly generate: (prompt: Json, options: GenerateOptions, call: Call) => AsyncIterable<TextPart>
  /** Renders a conversation as a prompt. @throws `Fault`. */
  readonly chatPrompt: (messages: readonly ChatMessage[]) => Promise<Json>
}

/** What hooks of the host know about a request. */
export interface RequestFacts {
  /** Without the query. */
  readonly path: string
  /** @param name in lower case. */
  readonly header: (name: string) => string | undefined
}

export interface Call {
  /** The id of the prediction. */
  readonly id: string
  /** The body. `null` for GET. */
  readonly body: Json
  readonly signal: AbortSignal
  readonly request: RequestFacts
  /** What is published about the request. Absent if nobody listens. */
  readonly event?: RequestEvent | undefined
  /** Keeps what was answered for feedback, once the answer is complete. `predict` calls it. */
  readonly remember: (inputs: readonly Json[], predictions: readonly Prediction[]) => void
}

/** JSON, or text with its content type, complete or in parts. */
export type Answer = {
  /** @default 200 */
  readonly status?: number
} & (
  | { readonly json: unknown }
  | { readonly text: string; readonly type: string }
  | {
      /** Each part within the time limit of a request. Whatever they hold is freed when the call's signal is aborted. */
      readonly parts: AsyncIterable<string>
      readonly type: string
      /** The part that reports a fault to a client that already has the first parts. */
      readonly failed: (fault: Fault) => string
    }
)

export interface Route {
  readonly method: 'GET' | 'POST'
  /** The exact path, below the base path. */
  readonly path: string
  /** Whether it is a health check: it needs no token and counts for no limit. @default false */
  readonly isHealth?: boolean
  /** Whether a body without a content type is read as JSON. @default false */
  readonly isTypeOptional?: boolean
  /** Whether the body means nothing: it is read, and is not parsed. @default false */
  readonly isBodyIgnored?: boolean
  /** Takes the place of the token for requests that are signed. @default only the token counts */
  readonly webhook?: WebhookCheck
  /** How `/openapi.json` describes it now: the kind of the model's predictions may not be known before the first one. */
  readonly operation: () => Operation
  readonly answer: (call: Call) => Promise<Answer>
}

/** A way to ask for predictions over HTTP. */
export interface Protocol {
  readonly name: string
  /** The beginning of all its paths. Other paths that begin with it are refused in its own words. @default none */
  readonly prefix?: string
  readonly routes: readonly Route[]
  /** The body of a refusal, and its schema. @default `{ error: { code, message } }` */
  readonly refusal?: { readonly body: (fault: Fault) => Json; readonly schema: Schema }
}
