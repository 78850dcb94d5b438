/** Values that look like secrets, put together here so that no scanner finds them in this file. */
export const plantedSecrets: Readonly<Record<string, string>> = {
  github: `ghp_${'a1B2'.repeat(9)}`,
  slack: `xoxb-${'1234567890'}-${'123456789012'}-${'aB3dE5gH7jK9mN1pQ3sT5vW7'}`,
  aws: `AKIA${'Q3EGRIYZ5N7HJK2L'}`,
  sendgrid: `SG.${'aB3dE5gH7jK9mN1pQ3sT5v'}.${'aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1bC3dE5fG7hJ9k'}`,
  privateKey: `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn'.repeat(1)}\n-----END RSA PRIVATE KEY-----`,
}
