export { type AttachNotifiersOptions, attachNotifiers } from './attach-notifiers.js'
export { type Delivery, type TestNotifiersOptions, testNotifiers } from './deliver.js'
export { type EmailNotifierOptions, emailNotifier, loadNodemailer } from './email.js'
export { type GitHubIssueNotifierOptions, githubIssueNotifier } from './github-issue.js'
export {
  eventNamed,
  eventSynonyms,
  type Notification,
  type NotificationEvent,
  type Notifier,
  notificationEvents,
  type ProblemEvent,
  problemEvents,
  unknownEvent,
} from './notification.js'
export type { NotifierTransport } from './post.js'
export { type SlackNotifierOptions, slackNotifier } from './slack.js'
export { type WebhookNotifierOptions, webhookKey, webhookNotifier, webhookSignature } from './webhook.js'
