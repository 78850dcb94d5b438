export { type ActionsReport, reportToActions } from './report-to-actions.js'
