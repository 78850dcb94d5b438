import type { Configuration } from './config/index.js'
import type { EnvironmentVariables } from './git/index.js'
import { secretNames } from './release-targets.js'

/** What nobody may read in a log, a record or a message: the channels' own secrets. */
export function notificationSecrets(
  { notifications: { slack, email, webhook } = {} }: Configuration,
  environment: EnvironmentVariables,
): readonly string[] {
  const smtp = email === undefined ? undefined : (email.smtp ?? environment['SMTP_URL'])
  return [slack?.webhook, smtp, webhook?.url, webhook?.secret].flatMap((text) => {
    if (text === undefined) return []
    try {
      const resolved = withSecrets(text, environment)
      const password = URL.canParse(resolved) ? new URL(resolved).password : ''
      return [resolved, password].filter((secret) => secret !== '')
    } catch {
      return []
    }
  })
}

/**
 * A setting with the environment variables in the place of `${{ secrets.NAME }}`. The tokens of registries are refused: a
 * changed address would send them to whoever changed it.
 */
export function withSecrets(text: string, environment: EnvironmentVariables): string {
  return text.replace(/\$\{\{\s*secrets\.(\w+)\s*\}\}/g, (_, name: string) => {
    if (secretNames.includes(name))
      throw new Error(`${name} belongs to a registry and is not sent elsewhere. Use a secret of its own.`)
    const value = environment[name]
    if (value) return value
    throw new Error(
      `the environment variable ${name} is not set. Set it; in a workflow: env: { ${name}: \${{ secrets.${name} }} }.`,
    )
  })
}
