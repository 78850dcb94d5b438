const answers = { Paris: 'France', Rome: 'Italy', Bern: 'Austria', Oslo: 'Norway' }
module.exports = class {
  constructor(options) {
    this.providerId = options.id || 'capitals'
    this.config = options.config || {}
  }
  id() {
    return this.providerId
  }
  async callApi(_prompt, context) {
    const { city } = context.vars
    if (city === 'boom') return { error: 'no connection' }
    if (city === 'slow') await new Promise((r) => setTimeout(r, 5000))
    return { output: answers[city], tokenUsage: { total: 1, prompt: 1, completion: 0 } }
  }
}
